"""A cluster that someone else made: its kubeconfig, and the proof that it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from platform_infra.cluster.connection import ClusterError, Connection
from platform_infra.settings.rules import is_kubeconfig_content

ANSWER_SECONDS = 8


def connect(kubeconfig: str, context: str) -> Connection:
    """Return the connection to `context` of a kubeconfig, given as a path or as content.

    Raises:
        ClusterError: the kubeconfig is unusable, or its API server does not answer in time.
    """
    text = kubeconfig if is_kubeconfig_content(kubeconfig) else _read(Path(kubeconfig).expanduser())
    document = _parse(text)
    _ask(document, context, _server(document, context))
    return Connection(kubeconfig=text, context=context)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        remedy = "set clusterKubeconfig to a kubeconfig file, absolute or below the project's folder"
        raise ClusterError(f"clusterKubeconfig: {path} cannot be read ({error.strerror}); {remedy}") from None


def _parse(text: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        document = None
    if not isinstance(document, dict) or not document.get("contexts"):
        raise ClusterError(
            "clusterKubeconfig: is no kubeconfig (no contexts); write one with `kubectl config view --raw`"
        )
    return document


def _server(document: dict[str, Any], context: str) -> str:
    """Return the URL of the context's API server."""
    contexts = {entry.get("name"): entry.get("context") or {} for entry in document["contexts"]}
    if context not in contexts:
        raise ClusterError(
            f"clusterContext: {context!r} is not in the kubeconfig; choose one of {sorted(contexts)}"
        )
    clusters = {entry.get("name"): entry.get("cluster") or {} for entry in document.get("clusters") or []}
    server = clusters.get(contexts[context].get("cluster"), {}).get("server")
    if not server:
        raise ClusterError(f"clusterContext: {context!r} leads to no server in the kubeconfig")
    return str(server)


def _ask(document: dict[str, Any], context: str, server: str) -> None:
    """Ask the server for its version, which takes no permission."""
    # Imported here: it takes a second, and only this kind of cluster needs it.
    from kubernetes import client, config  # noqa: PLC0415
    from kubernetes.config import ConfigException  # noqa: PLC0415

    try:
        settings = client.Configuration()
        config.load_kube_config_from_dict(document, context=context, client_configuration=settings)
        settings.retries = False
        with client.ApiClient(settings) as api:
            client.VersionApi(api).get_code(_request_timeout=ANSWER_SECONDS)
    except client.ApiException as error:
        # The client gives a failed TLS handshake the status 0; a refusal (4xx) is an answer.
        if not error.status or error.status >= 500:  # noqa: PLR2004 - HTTP: the server's own failure
            raise ClusterError(_silent(server, context, str(error))) from None
    except ConfigException as error:
        raise ClusterError(f"clusterContext: {context!r} of the kubeconfig is unusable: {error}") from None
    except Exception as error:  # noqa: BLE001 - whatever the transport raises means the same here
        raise ClusterError(_silent(server, context, str(error))) from None


def _silent(server: str, context: str, reason: str) -> str:
    return (
        f"the API server {server} (context {context!r}) does not answer: {' '.join(reason.split())}; "
        f"check it with `kubectl --context {context} version`, then clusterKubeconfig and clusterContext"
    )
