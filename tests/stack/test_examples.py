"""The four outcomes that `make demo` shows, from the same files."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.cluster import Refused
from tests.stack.suite import Suite

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
def test_an_example_ends_as_its_comment_says(served: Suite, name: str, phase: str, reason: str) -> None:
    served.cluster.create(example(name, served.namespace))
    status = served.cluster.final(served.namespace, name)["status"]
    assert (status["phase"], status["reason"]) == (phase, reason)
    (delivered,) = [c for c in status["conditions"] if c["type"] == "Delivered"]
    assert delivered["status"] == str(phase == "Sent")
    assert delivered["observedGeneration"] == status["observedGeneration"] == 1


def test_the_console_shows_what_was_delivered_with_its_secrets_masked(served: Suite) -> None:
    obj = example("full", served.namespace)
    obj["spec"]["subject"] = f"Checkout is failing in {served.namespace}"
    (printed,) = served.console(served.deliver(obj, "Sent"))
    assert printed.startswith(f"[critical] [escalation] Checkout is failing in {served.namespace}\n")
    assert "password: [REDACTED] was refused" in printed
    assert "hunter2" not in printed


def test_the_channel_that_is_not_set_up_is_named_with_the_setting(served: Suite) -> None:
    served.cluster.create(example("partial", served.namespace))
    status = served.cluster.final(served.namespace, "partial")["status"]
    (failed,) = [entry for entry in status["deliveryAttempts"] if entry["status"] == "failed"]
    assert failed["permanent"] is True
    assert "'teams'" in failed["error"]
    assert "channels.plugins.teams" in failed["error"]


def test_the_refused_example_is_refused_with_the_field_and_the_values_it_takes(served: Suite) -> None:
    with pytest.raises(Refused) as refused:
        served.cluster.create(example("refused", served.namespace))
    assert refused.value.code == 422
    assert "spec.priority" in refused.value.fields
    assert '"critical", "high", "medium", "low"' in refused.value.text
