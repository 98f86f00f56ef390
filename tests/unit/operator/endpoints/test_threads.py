"""Threads: later messages of an incident refer to the first one that the receiver accepted as it is now."""

from __future__ import annotations

from dataclasses import replace

from notification_domain.flow_control.breaker import Limits
from notification_domain.incident import SentMessage
from notification_operator.endpoints.endpoint import Delivery
from notification_runtime.delivery.channel import Receipt
from tests.unit.operator.domain.builders import at
from tests.unit.operator.domain.receivers.entries import receiver
from tests.unit.operator.endpoints.calls import MESSAGE, Stub, endpoints_of
from tests.unit.operator.endpoints.stage import BLOCKS, Stage

INCIDENT = replace(MESSAGE, dedup_key="disk/full")


def sent(ref: str, revision: str) -> SentMessage:
    return SentMessage(first=ref, receiver_revision=revision, created=at(0))


def test_later_message_refers_to_the_first() -> None:
    found = endpoints_of({"slack": Stub()}, limits=Limits()).find("slack", INCIDENT)
    assert isinstance(found, Delivery)
    assert found.joining(()) == found
    joined = found.joining([sent("C1/1", "a receiver"), sent("C1/2", ""), sent("C1/3", "")])
    assert joined == replace(found, message=replace(INCIDENT, thread_ref="C1/2", thread_began=at(0)))


async def test_message_refers_to_the_first_of_its_incident_until_a_change() -> None:
    """A receiver that has changed may send to another room, which does not know the message."""
    stage = Stage(receiver("hook"))
    stage.creator.scripts["hook"] = [Receipt(message_ref="C1/1")]
    message = replace(stage.message(), dedup_key="disk/full")
    first = await stage.attempt("webhook/hook", message=message)
    earlier = [sent(first.message_ref, first.receiver_revision)]
    assert stage.delivery().joining(earlier).message.thread_ref == "C1/1"

    revisions = [first.receiver_revision]
    for changed in (receiver("hook", timeout="3s", generation=2), replace(receiver("hook"), uid="another")):
        stage.exist(changed)
        assert stage.delivery().joining(earlier).message.thread_ref == ""
        revisions.append(stage.endpoint().revision)
    stage.exist(receiver("hook"))
    assert stage.delivery().joining(earlier).message.thread_ref == "C1/1"
    assert len(set(revisions)) == 3


async def test_message_refers_to_no_other_account_after_a_change_of_the_secret() -> None:
    stage = Stage(receiver("hook", block=BLOCKS))
    stage.rotate("hook", url="https://hook.example.com/1")
    before = stage.endpoint().revision
    stage.rotate("hook", url="https://hook.example.com/2")
    assert before != stage.endpoint().revision


async def test_message_that_stands_alone_begins_no_thread() -> None:
    stage = Stage(receiver("hook"))
    stage.creator.scripts["hook"] = [Receipt(message_ref="C1/1"), Receipt(), None]
    alone = await stage.attempt("webhook/hook")
    unnamed = [
        await stage.attempt("webhook/hook", message=replace(stage.message(), dedup_key="disk"))
        for _ in range(2)
    ]
    assert [each.receiver_revision for each in (alone, *unnamed)] == ["", "", ""]
