"""A cluster of Amazon's: what it asks for, that nobody pays for it who does not choose it, and what is said without the extra."""

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
from platform_infra.settings.cluster import Cluster, ClusterKind
from platform_infra.settings.reader import SettingsError, parse
from tests.unit.infra.recording import record_bundle
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
ASKED: dict[tuple[str, str], dict[str, Any]] = {
    ("aws:eks/cluster:Cluster", "control"): {
        "name": NAME,
        "roleArn": "arn:control",
        "vpcConfig": {
            "subnetIds": SUBNETS,
            "endpointPrivateAccess": True,
            "endpointPublicAccess": False,
        },
        "encryptionConfig": {"provider": {"keyArn": "arn:secrets"}, "resources": ["secrets"]},
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
        "nodeRoleArn": "arn:nodes",
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
"""What must be requested: every resource of Amazon's, with inputs that it must have at least."""


@pytest.fixture(scope="module", autouse=True)
def extra() -> Iterator[None]:
    """The extra's package, which lies beside the environment."""
    place = str(Path(sys.prefix) / "eks")
    sys.path.insert(0, place)
    yield
    sys.path.remove(place)


def asked(**more: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what is asked of Amazon, by type and name."""
    registered = record_bundle(None, **VALUES, **more).registered
    return {(entry.type, entry.name): entry.inputs for entry in registered if entry.type.startswith("aws:")}


def test_exactly_what_the_table_lists_is_requested() -> None:
    found = asked()
    assert found.keys() == ASKED.keys()
    for place, wanted in ASKED.items():
        assert {key: found[place].get(key) for key in wanted} == wanted, place


def test_the_api_server_is_reached_from_outside_by_those_alone_who_are_named() -> None:
    place = ("aws:eks/cluster:Cluster", "control")
    assert "publicAccessCidrs" not in asked()[place]["vpcConfig"]
    opened = asked(clusterEksPublicCidrs='["192.0.2.0/24"]')[place]["vpcConfig"]
    assert (opened["endpointPublicAccess"], opened["publicAccessCidrs"]) == (True, ["192.0.2.0/24"])
    assert opened["endpointPrivateAccess"]


def test_a_key_that_exists_is_taken_and_none_is_made() -> None:
    found = asked(clusterEksKmsKey="arn:aws:kms:eu-central-1:1:key/k")
    assert ("aws:kms/key:Key", "secrets") not in found
    (encryption,) = [inputs["encryptionConfig"] for inputs in found.values() if "encryptionConfig" in inputs]
    assert encryption["provider"] == {"keyArn": "arn:aws:kms:eu-central-1:1:key/k"}


def test_version_and_nodes_are_those_of_the_settings() -> None:
    found = asked(clusterEksVersion="1.36", clusterEksNodes="5", clusterEksNodeType="m7g.large")
    assert found["aws:eks/cluster:Cluster", "control"]["version"] == "1.36"
    nodes = found["aws:eks/nodeGroup:NodeGroup", "nodes"]
    assert nodes["scalingConfig"] == {"desiredSize": 5, "minSize": 5, "maxSize": 6}
    assert nodes["instanceTypes"] == ["m7g.large"]


def test_logs_and_permissions_are_there_before_what_uses_them_and_nodes_before_the_platform() -> None:
    recording = record_bundle(None, **VALUES)
    waited = {urn.rpartition("::")[2] for urn in recording.named("Cluster", "control").waits_for}
    assert waited >= {"logs", "control-AmazonEKSClusterPolicy"}
    for entry in (recording.one("kubernetes"),):
        assert {urn.rpartition("::")[2] for urn in entry.waits_for} >= {"control", "nodes"}


def test_the_kubeconfig_asks_amazon_for_a_token_and_holds_none() -> None:
    told = record_bundle(None, **VALUES).one("kubernetes").inputs
    document = json.loads(rpc.unwrap_rpc_secret(told["kubeconfig"]))
    assert document["clusters"][0]["cluster"]["server"] == "https://control.example"
    (user,) = document["users"]
    assert user["user"].keys() == {"exec"}
    assert user["user"]["exec"]["args"][:2] == ["--region", "eu-central-1"]
    assert told["context"] == document["contexts"][0]["name"] == NAME


def test_nobody_loads_amazon_s_classes_who_has_another_cluster() -> None:
    look = "import sys, platform_infra.bundle; print([m for m in sys.modules if 'aws' in m or m.endswith('eks')])"
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, cwd=ROOT / "infra"
    )
    assert done.stdout.strip() == "[]"


def test_without_the_extra_it_is_named_and_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "find_spec", lambda _name: None)
    with pytest.raises(ClusterError, match=r"needs the package pulumi-aws.*notification-platform\[eks\]"):
        prepare(Cluster(kind=ClusterKind.EKS))


def test_the_extra_is_pinned_by_the_lock_file_and_stays_out_of_the_environment_itself() -> None:
    (pin,) = re.findall(
        r"^pulumi-aws==(\S+)", (ROOT / "requirements-eks.lock").read_text("utf-8"), re.MULTILINE
    )
    assert (Path(sys.prefix) / "eks" / f"pulumi_aws-{pin}.dist-info").is_dir()
    assert "pulumi-aws" not in (ROOT / "requirements.lock").read_text("utf-8")


@pytest.mark.parametrize(
    ("values", "blamed"),
    [
        (VALUES | {"clusterEksSubnets": '["subnet-0a"]'}, "clusterEksSubnets contains fewer than two"),
        (
            VALUES | {"clusterEksSubnets": '["subnet-0a", "subnet-0a"]'},
            "clusterEksSubnets contains fewer than two",
        ),
        (VALUES | {"clusterKind": "local"}, "clusterEksSubnets is set"),
        (VALUES | {"operatorImage": ""}, "operatorImage is empty"),
        (VALUES | {"clusterEksVersion": "latest"}, "clusterEksVersion is 'latest'"),
    ],
)
def test_what_such_a_cluster_needs_is_asked_for(values: dict[str, str], blamed: str) -> None:
    with pytest.raises(SettingsError, match=blamed):
        parse(values)
