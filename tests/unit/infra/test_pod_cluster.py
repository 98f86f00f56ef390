"""The cluster of the pod that the program runs in."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from platform_infra.cluster import ClusterError, pod
from platform_infra.cluster.api_client import connect
from platform_infra.settings.reader import SettingsError, parse
from tests.kit.recording import record_settings

if TYPE_CHECKING:
    from pathlib import Path

VARIABLES = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
VALUES = {"clusterKind": "pod", "operatorImage": "registry.example/operator:1"}


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """The files of a ServiceAccount, as the kubelet mounts them."""
    (tmp_path / "ca.crt").write_text("the authority")
    (tmp_path / "token").write_text("first")
    return tmp_path


def test_pod_leads_to_its_api_server_with_the_renewed_token(account: Path) -> None:
    single = pod.read(VARIABLES, account)
    assert single.server == "https://10.96.0.1:443"
    (cluster,) = single.document["clusters"]
    assert base64.b64decode(cluster["cluster"]["certificate-authority-data"]) == b"the authority"
    assert "first" not in single.text(), "the token is renewed, and no state should record it"
    (account / "token").write_text("second")
    assert set(connect(single.document).raw.configuration.api_key.values()) == {"Bearer second"}


def test_address_of_ipv6_is_in_brackets(account: Path) -> None:
    server = pod.read({**VARIABLES, "KUBERNETES_SERVICE_HOST": "fd00::1"}, account).server
    assert server == "https://[fd00::1]:443"


def test_program_outside_of_a_pod_is_told_so(account: Path) -> None:
    with pytest.raises(ClusterError, match="does not run in a pod: KUBERNETES_SERVICE_HOST"):
        pod.read({}, account)
    (account / "token").unlink()
    with pytest.raises(
        ClusterError, match=r"token cannot be read \(No such file.*automountServiceAccountToken"
    ):
        pod.read(VARIABLES, account)


def test_bundle_uses_the_pod_s_account_and_outputs_no_kubeconfig(
    account: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod, "ACCOUNT", account)
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("platform_infra.cluster.existing._check", lambda _single: None)
    outputs: set[str] = set()
    recording = record_settings(parse(VALUES), inspect=lambda bundle: outputs.update(bundle.outputs()))
    inputs = recording.one("kubernetes").inputs
    assert (inputs["context"], inputs["clusterIdentifier"]) == ("pod", "cluster-uid")
    assert "kubeconfig" not in outputs


def test_context_of_a_kubeconfig_is_refused_in_a_pod() -> None:
    with pytest.raises(SettingsError, match="clusterKubeconfig or clusterContext is set"):
        parse({**VALUES, "clusterContext": "there"})
