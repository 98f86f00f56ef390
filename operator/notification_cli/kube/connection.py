"""The connection that kubectl would use: kubeconfig, context, namespace."""

from __future__ import annotations

import importlib.util
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notification_cli.errors import CliError, ExitCode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What the user chose on the command line; empty for the kubeconfig's own choice."""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A client of the API server, and what the kubeconfig says about it."""

    client: Any
    namespace: str
    context: str
    """The name of the context, for messages."""


@asynccontextmanager
async def connect(access: Access) -> AsyncIterator[Connection]:
    """Open a connection as kubectl does: with the kubeconfig, else with the pod's service account.

    Raises:
        CliError: there is no usable kubeconfig.
    """
    _skip_synchronous_client()
    from kubernetes.aio.client import ApiClient, Configuration  # noqa: PLC0415 - takes half a second

    configuration = Configuration()
    # None, never False, which the client reads as a number of retries.
    configuration.retries = None
    namespace, context = await _load(access, configuration)
    try:
        client = ApiClient(configuration)
    except (OSError, ValueError) as error:
        raise _unusable(access, f"its certificates cannot be read: {error}") from None
    async with client:
        yield Connection(client=client, namespace=access.namespace or namespace, context=context)


async def _load(access: Access, configuration: Any) -> tuple[str, str]:  # noqa: ANN401 - the client has no types
    from kubernetes.aio import config  # noqa: PLC0415 - takes half a second

    file, context = access.kubeconfig or None, access.context or None
    paths = (access.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config").split(os.pathsep)
    if not any(Path(path).expanduser().is_file() for path in paths if path):  # noqa: ASYNC240 - once, at start
        if file is None and context is None and POD_NAMESPACE.is_file():  # noqa: ASYNC240 - likewise
            return _in_cluster(config, configuration)
        text = f"there is no kubeconfig at {', '.join(paths)}; set KUBECONFIG or --kubeconfig"
        raise CliError(text, code=ExitCode.NO_ACCESS)
    try:
        contexts, current = config.list_kube_config_contexts(config_file=file)
        chosen = _chosen(access, contexts, current)
        await config.load_kube_config(config_file=file, context=context, client_configuration=configuration)
    except config.ConfigException as error:
        raise _unusable(access, str(error)) from None
    except CliError:
        raise
    except Exception as error:  # noqa: BLE001 - a kubeconfig of any shape, or a failing exec plugin
        raise _unusable(access, f"{type(error).__name__}: {error}") from None
    return chosen["context"].get("namespace") or "default", chosen["name"]


def _chosen(access: Access, contexts: Sequence[Any], current: Any) -> Any:  # noqa: ANN401 - decoded YAML
    """Return the context that the user named, else the current one."""
    if not access.context:
        return current
    for context in contexts:
        if context["name"] == access.context:
            return context
    known = ", ".join(context["name"] for context in contexts)
    raise _unusable(access, f"it has no context {access.context}; its contexts are {known}")


def _in_cluster(config: Any, configuration: Any) -> tuple[str, str]:  # noqa: ANN401 - the client has no types
    config.load_incluster_config(client_configuration=configuration)
    return POD_NAMESPACE.read_text("utf-8").strip(), "the pod's service account"


def _unusable(access: Access, reason: str) -> CliError:
    where = access.kubeconfig or "KUBECONFIG or ~/.kube/config"
    one_line = " ".join(reason.split())
    return CliError(f"the kubeconfig ({where}) cannot be used: {one_line}", code=ExitCode.NO_ACCESS)


def _skip_synchronous_client() -> None:
    """Import `kubernetes` without running its `__init__`, which loads the synchronous client: half a second."""
    spec = importlib.util.find_spec("kubernetes")
    if spec is not None and "kubernetes" not in sys.modules:
        sys.modules["kubernetes"] = importlib.util.module_from_spec(spec)
