"""Runs the command of a pod as a local process, with the files and variables that the pod's ServiceAccount has."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.harness.cluster import Cluster

NOTIF: Final = (
    "import pathlib, sys\n"
    "from notification_cli.kube import kubeconfig\n"
    "kubeconfig.SERVICE_ACCOUNT = pathlib.Path(sys.argv.pop(1))\n"
    "from notification_cli.app import main\n"
    "main()\n"
)


def notif_in_pod(
    cluster: Cluster, *, namespace: str, account: str, arguments: Sequence[str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run `notif` as it runs in a pod with this ServiceAccount; `folder` holds the files of the account."""
    mount = folder / "serviceaccount"
    mount.mkdir(exist_ok=True)
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    answer = cluster.request("POST", path, {"spec": {"expirationSeconds": 3600}})
    (mount / "token").write_text(answer["status"]["token"], "utf-8")
    (mount / "namespace").write_text(namespace, "utf-8")
    server = yaml.safe_load(cluster.kubeconfig.read_text("utf-8"))["clusters"][0]["cluster"]
    authority = server.get("certificate-authority-data")
    (mount / "ca.crt").write_bytes(
        b64decode(authority) if authority else Path(server["certificate-authority"]).read_bytes()
    )
    host, _, port = server["server"].removeprefix("https://").rpartition(":")
    return subprocess.run(
        [sys.executable, "-c", NOTIF, str(mount), *arguments],
        env={
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "PYTHONPATH": str(ROOT / "operator"),
            "KUBERNETES_SERVICE_HOST": host,
            "KUBERNETES_SERVICE_PORT": port,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
