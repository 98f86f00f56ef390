"""The audit store fails; deliveries must not notice, and no event may be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos.scenario import scenario
from tests.harness.eventually import eventually

if TYPE_CHECKING:
    from tests.chaos.stage import Stage

AUDITED = {"auditUrl": "{sink}/audit/{name}", "auditFlushSeconds": 1, "auditBatchSize": 20}
PAGE = {"code": 200, "body": "<html>Sign in</html>", "headers": {"Content-Type": "text/html"}}


def _all_events(stage: Stage, *, within: float = 60.0) -> None:
    """Wait until the store has an event per attempt, and one for each end."""
    objects = stage.settle(within=within)
    expected = sum(obj["status"].get("totalAttempts", 0) + 1 for obj in objects)
    eventually(lambda: len(_ids(stage)), lambda count: count >= expected, within=within, every=0.5)
    stage.require(len(_ids(stage)) == expected, f"the audit store has other events than the {expected} facts")


def _ids(stage: Stage) -> set[str]:
    """Return the ids of the stored events; an event whose answer was lost comes again, with its id."""
    return {event["event_id"] for event in stage.audit.events()}


@scenario("The audit store answers with redirects, 401, 413, 429 and 500, and then works again")
def failing_audit_store(stage: Stage) -> None:
    stage.operator(settings=AUDITED)
    stage.audit.answer(
        {"code": 302, "headers": {"Location": "/login"}},
        {"code": 401},
        {"code": 413},
        {"code": 429, "headers": {"Retry-After": "1"}},
        {"code": 500},
        {"code": 503, "store": True},
        {},
    )
    stage.answer({"code": 503}, times=8)
    stage.create(15)
    _all_events(stage)


@scenario("The audit store answers nothing at all for a while, and drops connections")
def hanging_audit_store(stage: Stage) -> None:
    stage.operator(settings=AUDITED)
    stage.audit.answer({"never": True}, {"drop": True}, {"drop": True}, {})
    stage.create(15)
    _all_events(stage, within=90)
