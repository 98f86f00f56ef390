"""Installation, upgrade and uninstallation without Pulumi on a real cluster: every command of the pages runs, and nothing is lost."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from notification_contract.names import API_VERSION
from platform_infra import names
from platform_infra.cluster.local.images import load_image
from platform_infra.cluster.local.spec import CONTEXT
from platform_infra.image import build as image_build
from tests.harness.bare_node import BareNode, bare_node
from tests.harness.checkout import Checkout
from tests.harness.notifications import notification
from tests.kit.pages import PLATFORM, commands, transcribe
from tools.localcluster.toolchain import ensure
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.long,
    pytest.mark.alone,
    pytest.mark.needs_pod,
    pytest.mark.timeout(900, func_only=True),
]
INSTALL, UPGRADE, UNINSTALL = "yaml-and-helm.md", "upgrade.md", "uninstall.md"
DIFF = "kubectl diff "
STACK, HOME, PROJECT = "prod", "notification-system", names.PROJECT
VALUES = {"operatorReplicas": 2}
RBAC = "/apis/rbac.authorization.k8s.io/v1"
KINDS = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": f"/api/v1/namespaces/{HOME}/serviceaccounts",
    "Service": f"/api/v1/namespaces/{HOME}/services",
    "ConfigMap": f"/api/v1/namespaces/{HOME}/configmaps",
    "Deployment": f"/apis/apps/v1/namespaces/{HOME}/deployments",
    "NetworkPolicy": f"/apis/networking.k8s.io/v1/namespaces/{HOME}/networkpolicies",
    "PodDisruptionBudget": f"/apis/policy/v1/namespaces/{HOME}/poddisruptionbudgets",
    "Role": f"{RBAC}/namespaces/{HOME}/roles",
    "RoleBinding": f"{RBAC}/namespaces/{HOME}/rolebindings",
    "ClusterRole": f"{RBAC}/clusterroles",
    "ClusterRoleBinding": f"{RBAC}/clusterrolebindings",
    "FlowSchema": "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
    "ValidatingAdmissionPolicy": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
}
"""The path of each kind that the platform has objects of."""
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
RECEIVER = {
    "apiVersion": API_VERSION,
    "kind": names.RECEIVER_KIND,
    "metadata": {"name": "of-a-user", "namespace": HOME},
    "spec": {"type": "log"},
}
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "of-a-user", "namespace": HOME},
    "stringData": {"url": "https://hooks.example.com"},
}
DATA = (
    f"/apis/{API_VERSION}/{names.PLURAL}",
    f"/apis/{API_VERSION}/namespaces/{HOME}/{names.RECEIVER_PLURAL}",
    f"/api/v1/namespaces/{HOME}/secrets",
)
"""Listings of what users have created; an uninstallation keeps it."""


class Trial:
    """A folder with the chart and a copy of the checkout, and the cluster of a bare node."""

    def __init__(self, bare: BareNode, place: Path) -> None:
        self.bare = bare
        self.checkout = Checkout(place)
        self.image = image_build.image_name("")
        image_build.build(image=self.image, base="")
        load_image(bare.container, self.image)
        (place / "charts").symlink_to(ROOT / "charts")
        values = {"operatorImage": self.image, **VALUES}
        (place / "values.yaml").write_text(yaml.safe_dump(values), "utf-8")
        cluster = {
            "clusterKind": "existing",
            "clusterKubeconfig": bare.kubeconfig,
            "clusterContext": CONTEXT,
        }
        self.checkout.write_stack(STACK, **cluster, **values)
        self.checkout.use_own_secrets()

    def run(self, command: str) -> str:
        """Run a command of the page, and return its output."""
        platform = command.startswith(PLATFORM)
        output = (
            self.platform(*shlex.split(command.removeprefix(PLATFORM))) if platform else self._shell(command)
        )
        transcribe(command, output)
        return output

    def _shell(self, command: str) -> str:
        programs = ensure(["kubernetes", "helm"]).env()["PATH"]
        variables = {**os.environ, "PATH": programs, "KUBECONFIG": self.bare.kubeconfig}
        done = subprocess.run(
            shlex.split(command),
            cwd=self.checkout.folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        # `kubectl diff` ends with 1 if there are differences.
        assert done.returncode in ((0, 1) if DIFF in command else (0,)), f"{command}\n{done.stdout}"
        return done.stdout

    def platform(self, *arguments: str) -> str:
        output = self.checkout.platform(*arguments, **self.checkout.environment)
        assert output.code == 0, output.text
        return output.text

    def delivers(self) -> None:
        obj = self.bare.cluster.create(notification("default"))
        final = self.bare.cluster.final("default", obj["metadata"]["name"])
        assert final["status"]["phase"] == "Sent"

    def data(self) -> set[tuple[str, str]]:
        """Return names and identities of what users have created."""
        return {
            (each["metadata"]["name"], each["metadata"]["uid"])
            for path in DATA
            for each in self.bare.cluster.request("GET", path)["items"]
        }

    def uids(self) -> dict[str, str]:
        """Return the identity of every object of the platform, by kind and name."""
        found: dict[str, str] = {}
        for kind, path in KINDS.items():
            listed = self.bare.cluster.request(
                "GET", f"{path}?labelSelector=app.kubernetes.io/part-of={PROJECT}"
            )
            found |= {
                f"{kind} {each['metadata']['name']}": each["metadata"]["uid"] for each in listed["items"]
            }
        for name in (names.CRD, names.RECEIVER_CRD):
            found[name] = self.bare.cluster.request("GET", f"{DEFINITIONS}/{name}")["metadata"]["uid"]
        return found


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    with bare_node() as bare:
        yield Trial(bare, tmp_path)


def adopted(trial: Trial) -> None:
    """Let Pulumi take over what is installed: it replaces and deletes nothing."""
    before = trial.uids()
    adopt, forget = commands(INSTALL, "Change to Pulumi")
    # Nobody answers the question of `up`.
    output = trial.run(f"{adopt} --yes")
    trial.run(forget)
    assert not re.search(r"\b(replaced|deleted)\b", output), output
    assert trial.uids() == before
    trial.delivers()


def test_objects_applied_by_kubectl_deliver_and_are_adopted(trial: Trial) -> None:
    for command in commands(INSTALL, "YAML"):
        trial.run(command)
    trial.delivers()
    adopted(trial)


def test_release_of_helm_delivers_and_is_adopted(trial: Trial) -> None:
    for command in commands(INSTALL, "Helm"):
        trial.run(command)
    trial.delivers()
    adopted(trial)


@pytest.mark.parametrize(("installed", "changed"), [("YAML", "With kubectl"), ("Helm", "With Helm")])
def test_upgrade_and_uninstallation_lose_nothing(trial: Trial, installed: str, changed: str) -> None:
    install = commands(INSTALL, installed)
    for command in (*install, *commands(UPGRADE, changed)):
        trial.run(command)
    trial.delivers()
    for obj in (RECEIVER, SECRET):
        trial.bare.cluster.apply(obj)
    before = trial.data()
    for command in commands(UNINSTALL, changed):
        trial.run(command)
    assert [name for name in trial.uids() if name.startswith(("Deployment", "ClusterRole"))] == []
    assert before - trial.data() == set()

    again = install[1:] if installed == "YAML" else install[:1]
    for command in again:
        trial.run(command)
    trial.delivers()
