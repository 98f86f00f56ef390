"""An existing cluster: reads its kubeconfig and checks that its API server answers."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from platform_infra.cluster import pod
from platform_infra.cluster.api_client import api_client
from platform_infra.cluster.connection import ClusterError, Connection
from platform_infra.cluster.kubeconfig import SingleContext, single_context
from platform_infra.settings.cluster_kind import ClusterKind
from platform_infra.settings.sections.credentials import is_kubeconfig_content

if TYPE_CHECKING:
    from platform_infra.settings.sections.cluster import Cluster


def connect(settings: Cluster) -> Connection:
    """Return the connection to the cluster that the settings name; see `named`.

    The connection holds one context, its cluster and its user, and nothing else of a kubeconfig.

    Raises:
        ClusterError: the kubeconfig is unusable, or its API server does not answer in time.
    """
    config = named(settings)
    _check(config)
    return Connection(kubeconfig=config.text(), context=config.context, lasting=True)


def named(settings: Cluster) -> SingleContext:
    """Return the context that the settings name: of their kubeconfig, or that of the pod that the program runs in.

    Raises:
        ClusterError: the kubeconfig is unusable, or the program runs in no pod.
    """
    return pod.read() if settings.kind == ClusterKind.POD else read(settings.kubeconfig, settings.context)


def read(kubeconfig: str, context: str) -> SingleContext:
    """Return one context of a kubeconfig, which is a path or the content itself.

    Raises:
        ClusterError: the kubeconfig or a file that it refers to cannot be read, or it lacks the context.
    """
    if is_kubeconfig_content(kubeconfig):
        return single_context(kubeconfig, context, Path.cwd())
    file = Path(kubeconfig).expanduser()
    return single_context(_read(file), context, file.absolute().parent)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        hint = (
            "set clusterKubeconfig to the path of a kubeconfig, absolute or relative to the project's folder"
        )
        raise ClusterError(f"clusterKubeconfig: cannot read {path} ({error.strerror}); {hint}") from None


def _check(single: SingleContext) -> None:
    """Request the server's version, which needs no permission."""
    # Imported here: the import takes a second, and only this kind of cluster needs it.
    from kubernetes.config import ConfigException  # noqa: PLC0415

    try:
        with api_client(single.document, single.context) as api:
            answer = api.get("/version")
    except ConfigException as error:
        raise ClusterError(
            f"clusterContext: the context {single.context!r} of the kubeconfig is invalid: {error}"
        ) from None
    except Exception as error:  # noqa: BLE001 - every transport error means the same here
        raise ClusterError(_unavailable(single, str(error))) from None
    # A client error (4xx) proves that the server answers.
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ClusterError(_unavailable(single, f"{answer.status} {answer.message}"))


def _unavailable(single: SingleContext, reason: str) -> str:
    return (
        f"the API server {single.server} (context {single.context!r}) does not answer: {' '.join(reason.split())}; check it "
        f"with `kubectl --context {single.context} version`, then clusterKubeconfig and clusterContext"
    )
