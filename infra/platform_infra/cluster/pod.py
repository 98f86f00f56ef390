"""The cluster of the pod that the program runs in, with the ServiceAccount of that pod.

https://kubernetes.io/docs/tasks/run-application/access-api-from-pod describes the variables and the files.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING

from platform_infra.cluster.connection import ClusterError
from platform_infra.cluster.kubeconfig import SingleContext

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
CONTEXT = "pod"


def read(variables: Mapping[str, str] = os.environ, account: Path | None = None) -> SingleContext:
    """Return the connection as a kubeconfig that refers to the file of the token, because the kubelet renews the token.

    Raises:
        ClusterError: the program does not run in a pod, or the pod has no token.
    """
    host, port = (variables.get(f"KUBERNETES_SERVICE_{part}") for part in ("HOST", "PORT"))
    if not host or not port:
        raise ClusterError(
            "clusterKind: it is `pod`, but this program does not run in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT "
            "are not set; run it in a pod, or set clusterKind to `existing`"
        )
    folder = account or ACCOUNT
    server = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    authority = base64.b64encode(_content(folder / "ca.crt")).decode()
    _content(folder / "token")
    cluster = {"server": server, "certificate-authority-data": authority}
    return SingleContext(
        context=CONTEXT,
        server=server,
        document={
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": CONTEXT, "cluster": cluster}],
            "users": [{"name": CONTEXT, "user": {"tokenFile": str(folder / "token")}}],
            "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
            "current-context": CONTEXT,
        },
    )


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ClusterError(
            f"clusterKind: it is `pod`, but {file} cannot be read ({error.strerror}): give the pod a ServiceAccount, and do not set "
            "automountServiceAccountToken to false"
        ) from None
