"""Amazon EKS clusters: their resources, lazy imports, and the error without the optional package."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.runtime import rpc

from platform_infra.cluster import ClusterError, kinds, prepare
from platform_infra.settings.reader import SettingsError, parse
from platform_infra.settings.sections.cluster import Cluster, ClusterKind
from tests.kit.recording import record_bundle
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

SUBNETS = ["subnet-0a", "subnet-0b"]
VALUES = {
    "clusterKind": "eks",
    "clusterEksSubnets": json.dumps(SUBNETS),
    "operatorImage": "registry.example/operator:1",
}
NAME = "notification-platform-test"
EXPECTED: dict[tuple[str, str], dict[str, Any]] = {
    ("aws:eks/cluster:Cluster", "control"): {
        "name": NAME,
        "roleArn": "arn:platform-cluster-eks-control",
        "vpcConfig": {
            "subnetIds": SUBNETS,
            "endpointPrivateAccess": True,
            "endpointPublicAccess": False,
        },
        "encryptionConfig": {
            "provider": {"keyArn": "arn:platform-cluster-eks-secrets"},
            "resources": ["secrets"],
        },
        "enabledClusterLogTypes": ["api", "audit", "authenticator", "controllerManager", "scheduler"],
        "accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": True},
    },
    ("aws:kms/key:Key", "secrets"): {"enableKeyRotation": True, "deletionWindowInDays": 30},
    ("aws:cloudwatch/logGroup:LogGroup", "logs"): {
        "name": f"/aws/eks/{NAME}/cluster",
        "retentionInDays": 90,
    },
    ("aws:iam/openIdConnectProvider:OpenIdConnectProvider", "oidc"): {
        "url": "https://oidc.example/id/ABC",
        "clientIdLists": ["sts.amazonaws.com"],
    },
    ("aws:eks/nodeGroup:NodeGroup", "nodes"): {
        "clusterName": NAME,
        "nodeRoleArn": "arn:platform-cluster-eks-nodes",
        "subnetIds": SUBNETS,
        "instanceTypes": ["m6i.large"],
        "scalingConfig": {"desiredSize": 2, "minSize": 2, "maxSize": 3},
        "updateConfig": {"maxUnavailable": 1},
    },
    **{
        ("aws:iam/role:Role", name): {
            "assumeRolePolicy": json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": f"{service}.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                }
            )
        }
        for name, service in (("control", "eks"), ("nodes", "ec2"))
    },
    **{
        ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", f"{role}-{policy}"): {
            "policyArn": f"arn:aws:iam::aws:policy/{policy}",
        }
        for role, policy in (
            ("control", "AmazonEKSClusterPolicy"),
            ("nodes", "AmazonEKSWorkerNodePolicy"),
            ("nodes", "AmazonEKS_CNI_Policy"),
            ("nodes", "AmazonEC2ContainerRegistryReadOnly"),
        )
    },
}
"""Every AWS resource with its required inputs."""


@pytest.fixture(scope="module", autouse=True)
def extra() -> Iterator[None]:
    """The optional package, which is installed in a folder of its own."""
    place = str(Path(sys.prefix) / "eks")
    sys.path.insert(0, place)
    yield
    sys.path.remove(place)


def aws_resources(**more: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the inputs of the registered AWS resources by type and name."""
    registered = record_bundle(None, **VALUES, **more).registered
    return {(entry.type, entry.part): entry.inputs for entry in registered if entry.type.startswith("aws:")}


def test_eks_registers_exactly_the_listed_resources() -> None:
    resources = aws_resources()
    assert resources.keys() == EXPECTED.keys()
    for key, expected in EXPECTED.items():
        assert {name: resources[key].get(name) for name in expected} == expected, key


def test_public_endpoint_is_limited_to_configured_cidrs() -> None:
    place = ("aws:eks/cluster:Cluster", "control")
    assert "publicAccessCidrs" not in aws_resources()[place]["vpcConfig"]
    opened = aws_resources(clusterEksPublicCidrs='["192.0.2.0/24"]')[place]["vpcConfig"]
    assert (opened["endpointPublicAccess"], opened["publicAccessCidrs"]) == (True, ["192.0.2.0/24"])
    assert opened["endpointPrivateAccess"]


def test_configured_kms_key_replaces_the_created_one() -> None:
    resources = aws_resources(clusterEksKmsKey="arn:aws:kms:eu-central-1:1:key/k")
    assert ("aws:kms/key:Key", "secrets") not in resources
    (encryption,) = [
        inputs["encryptionConfig"] for inputs in resources.values() if "encryptionConfig" in inputs
    ]
    assert encryption["provider"] == {"keyArn": "arn:aws:kms:eu-central-1:1:key/k"}


def test_version_and_node_group_follow_the_settings() -> None:
    resources = aws_resources(clusterEksVersion="1.36", clusterEksNodes="5", clusterEksNodeType="m7g.large")
    assert resources["aws:eks/cluster:Cluster", "control"]["version"] == "1.36"
    nodes = resources["aws:eks/nodeGroup:NodeGroup", "nodes"]
    assert nodes["scalingConfig"] == {"desiredSize": 5, "minSize": 5, "maxSize": 6}
    assert nodes["instanceTypes"] == ["m7g.large"]


def test_control_plane_depends_on_logs_and_provider_on_nodes() -> None:
    recording = record_bundle(None, **VALUES)
    dependencies = recording.parts(recording.named("Cluster", "control").dependencies)
    assert dependencies >= {"logs", "control-AmazonEKSClusterPolicy"}
    for entry in (recording.one("kubernetes"),):
        assert recording.parts(entry.dependencies) >= {"control", "nodes"}


def test_kubeconfig_requests_a_token_and_contains_none() -> None:
    inputs = record_bundle(None, **VALUES).one("kubernetes").inputs
    document = json.loads(rpc.unwrap_rpc_secret(inputs["kubeconfig"]))
    assert document["clusters"][0]["cluster"]["server"] == "https://control.example"
    (user,) = document["users"]
    assert user["user"].keys() == {"exec"}
    assert user["user"]["exec"]["args"][:2] == ["--region", "eu-central-1"]
    assert inputs["context"] == document["contexts"][0]["name"] == NAME


@pytest.mark.slow
def test_other_cluster_kinds_do_not_import_the_aws_sdk() -> None:
    look = "import sys, platform_infra.bundle; print([m for m in sys.modules if 'aws' in m or m.endswith('eks')])"
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, cwd=ROOT / "infra"
    )
    assert done.stdout.strip() == "[]"


def test_missing_aws_package_is_reported_with_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "find_spec", lambda _name: None)
    with pytest.raises(
        ClusterError, match=r"needs the optional package pulumi-aws.*notification-platform\[eks\]"
    ):
        prepare(Cluster(kind=ClusterKind.EKS))


def test_aws_package_is_pinned_outside_the_main_environment() -> None:
    (pin,) = re.findall(
        r"^pulumi-aws==(\S+)", (ROOT / "requirements-eks.lock").read_text("utf-8"), re.MULTILINE
    )
    assert (Path(sys.prefix) / "eks" / f"pulumi_aws-{pin}.dist-info").is_dir()
    assert "pulumi-aws" not in (ROOT / "requirements.lock").read_text("utf-8")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (VALUES | {"clusterEksSubnets": '["subnet-0a"]'}, "clusterEksSubnets contains fewer than two"),
        (
            VALUES | {"clusterEksSubnets": '["subnet-0a", "subnet-0a"]'},
            "clusterEksSubnets contains fewer than two",
        ),
        (VALUES | {"clusterKind": "local"}, "clusterEksSubnets is set"),
        (VALUES | {"clusterEksVersion": "latest"}, "clusterEksVersion is 'latest'"),
    ],
)
def test_invalid_eks_settings_name_the_key(values: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse(values)
