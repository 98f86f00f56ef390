"""An existing cluster: reads its kubeconfig and checks that its API server answers."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml

from platform_infra.cluster.connection import ClusterError, Connection
from platform_infra.settings.rules import is_kubeconfig_content

TIMEOUT_SECONDS = 8


def connect(kubeconfig: str, context: str) -> Connection:
    """Return the connection to `context` of a kubeconfig, which is a path or the content itself.

    Raises:
        ClusterError: the kubeconfig is unusable, or its API server does not answer in time.
    """
    text = kubeconfig if is_kubeconfig_content(kubeconfig) else _read(Path(kubeconfig).expanduser())
    document = _parse(text)
    _check(document, context, _server(document, context))
    return Connection(kubeconfig=text, context=context)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        hint = (
            "set clusterKubeconfig to the path of a kubeconfig, absolute or relative to the project's folder"
        )
        raise ClusterError(f"clusterKubeconfig: cannot read {path} ({error.strerror}); {hint}") from None


def _parse(text: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        document = None
    if not isinstance(document, dict) or not document.get("contexts"):
        raise ClusterError(
            "clusterKubeconfig: the file is not a kubeconfig (it has no contexts); create one with `kubectl config view --raw`"
        )
    return document


def _server(document: dict[str, Any], context: str) -> str:
    """Return the URL of the context's API server."""
    contexts = {entry.get("name"): entry.get("context") or {} for entry in document["contexts"]}
    if context not in contexts:
        raise ClusterError(
            f"clusterContext: the kubeconfig has no context {context!r}; choose one of {sorted(contexts)}"
        )
    clusters = {entry.get("name"): entry.get("cluster") or {} for entry in document.get("clusters") or []}
    server = clusters.get(contexts[context].get("cluster"), {}).get("server")
    if not server:
        raise ClusterError(f"clusterContext: the context {context!r} of the kubeconfig names no server")
    return str(server)


def _check(document: dict[str, Any], context: str, server: str) -> None:
    """Request the server's version, which needs no permission."""
    # Imported here: the import takes a second, and only this kind of cluster needs it.
    from kubernetes import client, config  # noqa: PLC0415
    from kubernetes.config import ConfigException  # noqa: PLC0415

    try:
        settings = client.Configuration()
        config.load_kube_config_from_dict(document, context=context, client_configuration=settings)
        settings.retries = False
        with client.ApiClient(settings) as api:
            client.VersionApi(api).get_code(_request_timeout=TIMEOUT_SECONDS)
    except client.ApiException as error:
        # The client reports a failed TLS handshake as status 0. A client error (4xx) proves that the server answers.
        if not error.status or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ClusterError(_unavailable(server, context, str(error))) from None
    except ConfigException as error:
        raise ClusterError(
            f"clusterContext: the context {context!r} of the kubeconfig is invalid: {error}"
        ) from None
    except Exception as error:  # noqa: BLE001 - every transport error means the same here
        raise ClusterError(_unavailable(server, context, str(error))) from None


def _unavailable(server: str, context: str, reason: str) -> str:
    return (
        f"the API server {server} (context {context!r}) does not answer: {' '.join(reason.split())}; "
        f"check it with `kubectl --context {context} version`, then clusterKubeconfig and clusterContext"
    )
