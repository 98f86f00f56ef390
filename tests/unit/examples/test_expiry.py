"""A certificate's conditions at each date; the decision is pure, so it is asked and not run."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from examples.second_controller.expiry import next_status, seconds_left
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from atomic_status import JsonObject

FOLDER = ROOT / "examples" / "second_controller"
BEGIN, WARN, END = (
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 12, 2, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
)
SECOND = timedelta(seconds=1)


def certificate(**status: Any) -> JsonObject:
    spec = {"notBefore": "2026-01-01T00:00:00Z", "notAfter": "2027-01-01T00:00:00Z", "warningDays": 30}
    return {"metadata": {"generation": 3}, "spec": spec, "status": status}


def conditions(status: JsonObject) -> dict[str, JsonObject]:
    return {condition["type"]: condition for condition in status["conditions"]}


@pytest.mark.parametrize(
    ("now", "valid", "reason", "soon"),
    [
        (BEGIN - SECOND, "False", "NotYetValid", "False"),
        (BEGIN, "True", "WithinItsDates", "False"),
        (WARN - SECOND, "True", "WithinItsDates", "False"),
        (WARN, "True", "WithinItsDates", "True"),
        (END - SECOND, "True", "WithinItsDates", "True"),
        (END, "False", "Expired", "True"),
    ],
)
def test_conditions_follow_the_dates(now: datetime, valid: str, reason: str, soon: str) -> None:
    found = conditions(next_status(certificate(), now))
    assert (found["Valid"]["status"], found["Valid"]["reason"]) == (valid, reason)
    assert found["ExpiresSoon"]["status"] == soon
    assert {condition["observedGeneration"] for condition in found.values()} == {3}


def test_next_status_is_idempotent() -> None:
    first = next_status(certificate(), BEGIN)
    assert next_status(certificate(**first), BEGIN + timedelta(days=5)) == first


def test_condition_keeps_its_time_until_its_status_changes() -> None:
    status = next_status(certificate(), BEGIN)
    later = conditions(next_status(certificate(**status), WARN))
    assert later["Valid"]["lastTransitionTime"] == "2026-01-01T00:00:00Z"
    assert later["ExpiresSoon"]["lastTransitionTime"] == "2026-12-02T00:00:00Z"


def test_foreign_fields_and_the_argument_stay_unchanged() -> None:
    foreign = {"type": "Mounted", "status": "True", "reason": "r", "message": "m", "lastTransitionTime": "t"}
    given = certificate(conditions=[foreign], serial=7)
    before = copy.deepcopy(given)
    status = next_status(given, BEGIN)
    assert status["serial"] == 7
    assert status["conditions"][0] == foreign
    assert given == before


def test_next_reconciliation_is_at_the_next_date() -> None:
    expected = [
        (BEGIN - SECOND, 1.0),
        (BEGIN, (WARN - BEGIN).total_seconds()),
        (WARN, 30 * 86400.0),
        (END, None),
    ]
    assert [(now, seconds_left(certificate(), now)) for now, _ in expected] == expected


def test_warning_before_the_certificate_is_harmless() -> None:
    given = certificate()
    given["spec"]["warningDays"] = 3650
    assert conditions(next_status(given, BEGIN))["ExpiresSoon"]["status"] == "True"
    assert seconds_left(given, BEGIN) == (END - BEGIN).total_seconds()


def test_schema_has_every_field_that_is_written_or_read() -> None:
    (version,) = yaml.safe_load((FOLDER / "crd.yaml").read_text())["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]["properties"]
    entry = schema["status"]["properties"]["conditions"]["items"]
    written = next_status(certificate(), BEGIN)["conditions"][0]
    assert set(written) == set(entry["properties"])
    assert set(entry["required"]) <= set(written)
    assert set(schema["spec"]["properties"]) == set(certificate()["spec"])
    assert version["subresources"] == {"status": {}}


def test_example_object_is_valid_with_the_defaults_of_the_schema() -> None:
    shown = yaml.safe_load((FOLDER / "certificate.yaml").read_text())
    shown["metadata"]["generation"] = 1
    shown["spec"].setdefault("warningDays", 30)
    assert conditions(next_status(shown, WARN))["Valid"]["status"] == "True"
