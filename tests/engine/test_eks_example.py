"""The project examples/clusters/eks, in the environment of its lock file, with mocks in place of the engine and AWS."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from platform_infra.cluster.owned import context_of, kubeconfig_text
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.long
"""It installs the packages of the project."""
PROJECT = ROOT / "examples" / "clusters" / "eks"
PREVIEW = ROOT / "tests" / "engine" / "eks_preview.py"
SUBNETS = ["subnet-0a", "subnet-0b"]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The interpreter of an environment with the packages that the project locks, and no other."""
    venv = tmp_path_factory.mktemp("eks") / "venv"
    uv, python = str(Path(sys.executable).parent / "uv"), str(venv / "bin" / "python")
    lock = str(PROJECT / "requirements.lock")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(venv)], check=True)
    subprocess.run([uv, "pip", "sync", "--quiet", "--python", python, "--require-hashes", lock], check=True)
    return python


def preview(python: str, **config: object) -> subprocess.CompletedProcess[str]:
    """Preview the project with values of its settings."""
    values = {"vpcId": "vpc-1", "subnetIds": SUBNETS, **config}
    texts = {key: each if isinstance(each, str) else json.dumps(each) for key, each in values.items()}
    command = [python, str(PREVIEW), str(PROJECT), json.dumps(texts)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def previewed(python: str, **config: object) -> Mapping[str, Any]:
    result = preview(python, **config)
    assert result.returncode == 0, result.stderr
    content: Mapping[str, Any] = json.loads(result.stdout)
    return content


def test_project_outputs_what_a_stack_of_the_platform_reads(python: str) -> None:
    outputs = previewed(python)["outputs"]
    assert outputs["secret"]
    text = kubeconfig_text("acme/notification-clusters/shared", "kubeconfig", outputs["kubeconfig"])
    assert outputs["context"] == context_of("acme/notification-clusters/shared", text, None) == "aws"
    assert outputs["identifier"].startswith("arn:aws:eks:")


def test_cluster_is_private_unless_networks_are_named(python: str) -> None:
    (cluster,) = previewed(python)["resources"]
    inputs = cluster["inputs"]
    assert (cluster["type"], inputs["privateSubnetIds"], inputs["vpcId"]) == (
        "eks:index:Cluster",
        SUBNETS,
        "vpc-1",
    )
    assert inputs["endpointPrivateAccess"]
    assert not inputs["endpointPublicAccess"]
    assert (inputs["desiredCapacity"], inputs["maxSize"]) == (2, 3)
    (opened,) = previewed(python, publicCidrs=["192.0.2.0/24"], nodes=5, kmsKeyArn="arn:k", version="1.36")[
        "resources"
    ]
    assert (
        opened["inputs"].items()
        >= {
            "endpointPublicAccess": True,
            "publicAccessCidrs": ["192.0.2.0/24"],
            "desiredCapacity": 5,
            "encryptionConfigKeyArn": "arn:k",
            "version": "1.36",
        }.items()
    )


def test_fewer_than_two_subnets_are_refused(python: str) -> None:
    result = preview(python, subnetIds=["subnet-0a", "subnet-0a"])
    assert result.returncode != 0
    assert "has fewer than 2 subnets" in result.stderr


def test_every_setting_of_the_program_is_declared() -> None:
    declared = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text("utf-8"))["config"]
    program = (PROJECT / "__main__.py").read_text("utf-8")
    assert [key for key in declared if f'"{key}"' not in program] == []
