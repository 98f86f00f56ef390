"""Components of the Kubernetes provider that register objects of manifests, by the provider that the toolchain built."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.control_plane import control_plane
from tools.localcluster.toolchain import ensure
from tools.platform.pulumi.environment import ENGINE_GROUPS

SECONDS = 120
PROGRAM = '''
import pulumi_kubernetes as kubernetes

kubernetes.yaml.v2.ConfigGroup(
    "group",
    yaml="""
apiVersion: v1
kind: ConfigMap
metadata: {name: text, namespace: default}
data: {key: value}
---
apiVersion: v1
kind: Secret
metadata: {name: password, namespace: default}
stringData: {key: hidden}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: default}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
""",
)
'''


@pytest.mark.xdist_group("api-server")
def test_objects_of_manifests_have_the_types_of_the_sdk(tmp_path: Path) -> None:
    toolchain = ensure(ENGINE_GROUPS)
    (tmp_path / "Pulumi.yaml").write_text("{name: manifests, runtime: python}", "utf-8")
    (tmp_path / "__main__.py").write_text(PROGRAM, "utf-8")
    environment = {
        **os.environ,
        **toolchain.env(),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), toolchain.env()["PATH"])),
        "PULUMI_BACKEND_URL": f"file://{tmp_path}/state?create_dir=true",
        "PULUMI_CONFIG_PASSPHRASE": "trial",
    }

    def pulumi(*arguments: str) -> str:
        command = [str(toolchain.program("pulumi")), "--non-interactive", *arguments]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    with control_plane() as plane:
        environment["KUBECONFIG"] = str(plane.kubeconfig)
        pulumi("stack", "init", "trial")
        pulumi("up", "--yes", "--skip-preview")
        state = pulumi("stack", "export")
    types = {resource["type"] for resource in json.loads(state)["deployment"]["resources"]}
    assert {
        "kubernetes:core/v1:ConfigMap",
        "kubernetes:core/v1:Secret",
        "kubernetes:rbac.authorization.k8s.io/v1:Role",
    } <= types
    assert "hidden" not in state
