"""The kubeconfig as kubectl reads it: its files, and what they say of a context."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from notification_cli.errors import CliError, ExitCode
from notification_contract import safe_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_PATH: Final = "~/.kube/config"
SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SERVICE_ACCOUNT_CONTEXT: Final = "the pod's service account"
"""The name that messages show in place of a context."""
PATHS: Final = frozenset(
    {"certificate-authority", "client-certificate", "client-key", "tokenFile", "token-file"}
)
"""Fields with paths, which are relative to the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What the user chose on the command line; empty for the kubeconfig's own choice."""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A context: its cluster and its user, as the kubeconfig describes them."""

    context: str
    """The name, for messages."""
    namespace: str
    cluster: Mapping[str, Any]
    user: Mapping[str, Any] = field(repr=False)


def read_profile(access: Access) -> Profile:
    """Return the context that the user chose, else the current one, else the pod's service account.

    Raises:
        CliError: there is no usable kubeconfig.
    """
    paths = _paths(access)
    files = [path for path in paths if path.is_file()]
    if not files:
        if not access.kubeconfig and not access.context and (SERVICE_ACCOUNT / "token").is_file():
            return _in_cluster(access)
        text = f"there is no kubeconfig at {', '.join(map(str, paths))}; set KUBECONFIG or --kubeconfig"
        raise CliError(text, code=ExitCode.NO_ACCESS)
    try:
        return _chosen([_read(path) for path in files], access)
    except CliError:
        raise
    except (OSError, ValueError, TypeError, AttributeError, KeyError, yaml.YAMLError) as error:
        raise unusable(access, f"{type(error).__name__}: {error}") from None


def unusable(access: Access, reason: str) -> CliError:
    """Return the error for a kubeconfig that cannot be used."""
    where = access.kubeconfig or f"KUBECONFIG or {DEFAULT_PATH}"
    return CliError(
        f"the kubeconfig ({where}) cannot be used: {' '.join(reason.split())}", code=ExitCode.NO_ACCESS
    )


def _paths(access: Access) -> Sequence[Path]:
    named = [access.kubeconfig] if access.kubeconfig else os.environ.get("KUBECONFIG", "").split(os.pathsep)
    return [Path(path).expanduser() for path in named if path] or [Path(DEFAULT_PATH).expanduser()]


def _read(path: Path) -> dict[str, Any]:
    """Return a file whose paths are absolute."""
    document = safe_yaml.load(path.read_text("utf-8")) or {}
    if not isinstance(document, dict):
        raise TypeError(f"{path} is no mapping")
    for entries, part in (("clusters", "cluster"), ("users", "user")):
        for entry in document.get(entries) or ():
            content = entry.get(part) or {}
            for key in PATHS & content.keys():
                content[key] = str(path.parent / Path(str(content[key])).expanduser())
            if "exec" in content:
                content["exec"] = {**content["exec"], "directory": str(path.parent)}
    return document


def _chosen(documents: Sequence[Mapping[str, Any]], access: Access) -> Profile:
    name = access.context or next(filter(None, (each.get("current-context") for each in documents)), "")
    if not name:
        raise unusable(access, "it has no current context; choose one with --context")
    contexts = _entries(documents, "contexts", "context")
    if name not in contexts:
        known = ", ".join(contexts) or "none"
        raise unusable(access, f"it has no context {name}; its contexts are {known}")
    context = contexts[name]
    clusters, users = _entries(documents, "clusters", "cluster"), _entries(documents, "users", "user")
    cluster, user = context.get("cluster"), context.get("user")
    if cluster not in clusters or not clusters[cluster].get("server"):
        raise unusable(access, f"context {name} has no cluster with a server")
    if user and user not in users:
        raise unusable(access, f"context {name} names the user {user}, which it does not have")
    return Profile(
        context=name,
        namespace=access.namespace or context.get("namespace") or "default",
        cluster=clusters[cluster],
        user=users[user] if user else {},
    )


def _entries(documents: Sequence[Mapping[str, Any]], kind: str, part: str) -> Mapping[str, Any]:
    """Return the named entries of all files; the first file that has a name decides."""
    entries: dict[str, Any] = {}
    for document in documents:
        for entry in document.get(kind) or ():
            entries.setdefault(entry["name"], entry.get(part) or {})
    return entries


def _in_cluster(access: Access) -> Profile:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return Profile(
        context=SERVICE_ACCOUNT_CONTEXT,
        namespace=access.namespace or (SERVICE_ACCOUNT / "namespace").read_text("utf-8").strip(),
        cluster={"server": server, "certificate-authority": str(SERVICE_ACCOUNT / "ca.crt")},
        user={"tokenFile": str(SERVICE_ACCOUNT / "token")},
    )
