"""Receivers of a stack with the real engine: encrypted values of their Secrets, and no cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from tests.harness.checkout import Checkout

STACK = "trial"
PATH = 'receivers[0].secrets["pd"]["routing-key"]'
SECRET = "s3cr3t-routing-key"


@pytest.fixture
def stack(checkout: Checkout) -> Checkout:
    """A checkout whose program needs no cluster, with a stack whose receiver lacks its Secret's value."""
    checkout.create_offline_stack(STACK)
    receiver: dict[str, Any] = {
        "name": "on-call",
        "spec": {"type": "pagerduty", "pagerduty": {"routingKeySecretRef": {"name": "pd"}}},
    }
    checkout.write_stack(
        STACK,
        clusterKind="existing",
        clusterKubeconfig="/k",
        clusterContext="c",
        operatorImage="i:1",
        receivers=[receiver],
    )
    return checkout


def manifest(checkout: Checkout, part: str) -> dict[str, Any]:
    """Return the rendered object whose file name contains a text."""
    (file,) = (checkout.folder / "manifests").glob(f"*/*{part}*.yaml")
    document: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return document


def test_encrypted_value_reaches_the_secret_and_nothing_else(stack: Checkout) -> None:
    refused = stack.pulumi("preview", "--stack", STACK)
    assert "refers to the Secret 'pd', which the stack does not create; add it to receivers[0].secrets" in (
        " ".join(refused.text.split())
    )
    assert stack.pulumi("config", "set", "--secret", "--path", PATH, SECRET, "--stack", STACK).code == 0
    result = stack.pulumi("up", "--yes", "--skip-preview", "--stack", STACK)
    assert result.code == 0, result.text
    assert SECRET not in result.text
    assert SECRET not in stack.pulumi("stack", "export", "--stack", STACK).text
    assert list(manifest(stack, "v1-secret-notification-system-pd")["data"]) == ["routing-key"]
    receiver = manifest(stack, "notificationreceiver-notification-system-on-call")
    assert receiver["metadata"]["annotations"]["pulumi.com/waitFor"] == "condition=Ready"
    assert receiver["spec"]["pagerduty"]["routingKeySecretRef"] == {"name": "pd"}


def test_value_in_plain_text_is_refused_before_any_resource(stack: Checkout) -> None:
    assert stack.pulumi("config", "set", "--path", PATH, SECRET, "--stack", STACK).code == 0
    for result in (stack.pulumi("preview", "--stack", STACK), stack.platform("up", STACK)):
        assert result.code != 0
        text = " ".join(result.text.split())
        assert f"{PATH} contains credentials in plain text" in text
        assert SECRET not in text
