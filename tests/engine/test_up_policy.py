"""`up --policy`: the policies decide in the same run of the engine, before the first object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.harness.checkout import NO_CLUSTER, WAY_OUT

if TYPE_CHECKING:
    from tests.harness.checkout import Checkout

STACK = "guarded"
SETTINGS = {
    **NO_CLUSTER,
    **WAY_OUT,
    "operatorReplicas": 2,
    "operatorImage": f"registry.example.com/operator@sha256:{'1' * 64}",
}


@pytest.fixture
def guarded(checkout: Checkout) -> Checkout:
    checkout.create_offline_stack(STACK, **SETTINGS)
    return checkout


def resources(checkout: Checkout) -> list[str]:
    """Return the types of the resources in the state."""
    exported = checkout.pulumi("stack", "export", "--stack", STACK)
    return [each["type"] for each in json.loads(exported.text)["deployment"].get("resources") or []]


def test_violation_is_reported_and_nothing_is_created(guarded: Checkout) -> None:
    guarded.write_stack(STACK, **SETTINGS | {"operatorImage": "operator:1"})
    result = guarded.platform("up", STACK, "--policy")
    assert result.code == 1
    assert "error: the policies reject the update:" in result.text
    assert "image-by-digest" in result.text
    assert resources(guarded) == []


@pytest.mark.long
def test_update_that_policies_accept_is_made_and_repeats_without_change(guarded: Checkout) -> None:
    first = guarded.platform("up", STACK, "--policy")
    assert first.code == 0, first.text
    assert "Deployment platform-operator created" in first.text
    assert first.text.count("Deployment platform-operator created") == 1
    second = guarded.platform("up", STACK, "--policy")
    assert "nothing to change" in second.text, second.text


@pytest.mark.long
def test_broken_policy_stops_the_update(guarded: Checkout) -> None:
    pack = guarded.folder / "infra" / "policy_pack" / "platform_policy" / "pods.py"
    pack.write_text(
        pack.read_text("utf-8").replace("def image_by_digest(", "def image_by_digest(broken, "), "utf-8"
    )
    result = guarded.platform("up", STACK, "--policy")
    assert result.code == 1
    assert resources(guarded) == []
