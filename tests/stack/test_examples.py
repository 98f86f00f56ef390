"""The four outcomes that `make demo` shows, from the same files."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.cluster import Refused
from tests.harness.operator_under_test import OperatorUnderTest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def example(name: str, namespace: str) -> dict[str, Any]:
    obj: dict[str, Any] = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())
    obj["metadata"]["namespace"] = namespace
    return obj


@pytest.mark.parametrize(
    ("name", "phase", "reason"),
    [
        ("simple", "Sent", "AllDeliveriesSucceeded"),
        ("full", "Sent", "AllDeliveriesSucceeded"),
        ("partial", "PartiallySent", "PartialDeliverySuccess"),
    ],
)
def test_example_ends_in_the_phase_its_comment_states(
    shipped_operator: OperatorUnderTest, name: str, phase: str, reason: str
) -> None:
    shipped_operator.cluster.create(example(name, shipped_operator.namespace))
    status = shipped_operator.cluster.final(shipped_operator.namespace, name)["status"]
    assert (status["phase"], status["reason"]) == (phase, reason)
    (delivered,) = [c for c in status["conditions"] if c["type"] == "Delivered"]
    assert delivered["status"] == str(phase == "Sent")
    assert delivered["observedGeneration"] == status["observedGeneration"] == 1


def test_example_on_the_console_has_its_secrets_redacted(shipped_operator: OperatorUnderTest) -> None:
    obj = example("full", shipped_operator.namespace)
    obj["spec"]["subject"] = f"Checkout is failing in {shipped_operator.namespace}"
    (printed,) = shipped_operator.console(shipped_operator.deliver(obj, "Sent"))
    assert printed.startswith(
        f"[critical] [escalation] Checkout is failing in {shipped_operator.namespace}\n"
    )
    assert "password: [REDACTED] was refused" in printed
    assert "hunter2" not in printed


def test_example_with_unconfigured_channel_says_what_to_do(shipped_operator: OperatorUnderTest) -> None:
    shipped_operator.cluster.create(example("partial", shipped_operator.namespace))
    status = shipped_operator.cluster.final(shipped_operator.namespace, "partial")["status"]
    (failed,) = [entry for entry in status["deliveryAttempts"] if entry["status"] == "failed"]
    assert failed["permanent"] is True
    assert "'teams'" in failed["error"]
    assert "name a receiver in spec.receiverRefs" in failed["error"]


def test_invalid_example_is_rejected_with_field_and_allowed_values(
    shipped_operator: OperatorUnderTest,
) -> None:
    with pytest.raises(Refused) as refused:
        shipped_operator.cluster.create(example("refused", shipped_operator.namespace))
    assert refused.value.code == 422
    assert "spec.priority" in refused.value.fields
    assert '"critical", "high", "medium", "low"' in refused.value.text
