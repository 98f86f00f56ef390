"""Group channels: markup, links and mentions, as each service gets them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.harness.notifications import addressed
from tests.harness.receiver_types import TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.harness.operator_under_test import OperatorUnderTest
    from tests.harness.receivers import Receivers

pytestmark = pytest.mark.needs_pod

BOLD = {
    "webhook": "**loud**",
    "email": "<strong>loud</strong>",
    "slack": "*loud*",
    "pagerduty": "loud",
    "teams": "**loud**",
    "sms": "loud",
    "discord": "**loud**",
    "mattermost": "**loud**",
}
PLAIN = ("pagerduty", "sms")
WITH_LINKS = tuple(kind for kind in TYPES if kind != "sms")
CHATS = ("slack", "discord", "mattermost")


def shown(operator: OperatorUnderTest, receivers: Receivers, **spec: object) -> Mapping[str, str]:
    """Send one notification to a receiver of each type, and return what each service got, mail as HTML."""
    every = {kind: receivers.add(kind) for kind in TYPES}
    for receiver in every.values():
        receiver.ready()
    operator.deliver(addressed(operator.namespace, *every.values(), **spec), "Sent", within=30)
    texts = {kind: receiver.kind.arrivals(receiver.account)[0].text for kind, receiver in every.items()}
    return {**texts, "email": every["email"].account.mails()[0]["html"]}


@pytest.mark.check("channels-44")
def test_markdown_becomes_the_markup_of_each_service(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    texts = shown(receivers_operator, receivers, format="Markdown", body="This is **loud** and <b>safe</b>.")
    for kind, bold in BOLD.items():
        assert bold in texts[kind], kind
    for kind in PLAIN:
        assert "**" not in texts[kind], kind
    assert "<b>safe</b>" not in texts["email"]


@pytest.mark.check("channels-45")
def test_links_are_shown_by_each_service(receivers_operator: OperatorUnderTest, receivers: Receivers) -> None:
    link = {"service": "grafana", "url": "https://grafana.example/d/42", "label": "Dashboard"}
    texts = shown(receivers_operator, receivers, actionLinks=[link])
    for kind in WITH_LINKS:
        assert link["url"] in texts[kind], kind
        assert link["label"] in texts[kind], kind


@pytest.mark.check("channels-46")
def test_mentions_reach_nobody_unless_they_are_permitted(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    body = "Look @here and @channel, @everyone."
    texts = shown(receivers_operator, receivers, body=body)
    for kind in CHATS:
        assert not any(word in texts[kind] for word in ("@here", "@channel", "@everyone")), kind

    permitted = [receivers.add(kind, block={"mentions": True}) for kind in ("slack", "discord", "mattermost")]
    for receiver in permitted:
        receiver.ready()
    obj = addressed(receivers_operator.namespace, *permitted, body=body)
    receivers_operator.deliver(obj, "Sent", within=20)
    for receiver in permitted:
        (arrival,) = receiver.kind.arrivals(receiver.account)
        assert "@here" in arrival.text, receiver.kind.type


@pytest.mark.check("channels-48")
def test_resolve_is_marked_in_each_service_that_people_read(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    texts = shown(receivers_operator, receivers, event="Resolve", dedupKey=f"incident-{uuid.uuid4().hex}")
    marked = {kind for kind, text in texts.items() if "[RESOLVED]" in text.replace("\\", "")}
    assert marked == TYPES.keys() - {"webhook", "pagerduty"}
