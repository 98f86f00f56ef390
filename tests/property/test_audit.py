"""Audit events over whole lives: each fact at most once, and exactly once while the process lives."""

from enum import Enum, auto
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from notification_domain.audit_events import all_events, events
from notification_domain.folding.fold import excluding_attempts
from notification_domain.model import RetryPolicy
from notification_domain.routing import resolve
from notification_domain.status import FINAL
from notification_operator.observers.publisher import Transition
from tests.property.notification_model import NotificationModel
from tests.property.strategies import Outcome, channel_lists, outcomes, policies


class Fate(Enum):
    """The outcome of a write, or of the process before it."""

    WRITTEN = auto()
    LOST_WRITE = auto()
    LOST_ANSWER = auto()
    CRASH = auto()


steps = st.tuples(st.lists(st.none() | outcomes, min_size=4, max_size=4), st.sampled_from(Fate))
"""The results of the attempts of a reconciliation, and the outcome of its write."""
MOST_ROUNDS = 60


class Recorder:
    """Records the audit events of reconciliations."""

    def __init__(self, model: NotificationModel) -> None:
        self.model = model
        self.events: list[dict[str, Any]] = []

    def a_reconciliation(self, results: list[Outcome | None], fate: Fate) -> None:
        model = self.model
        model.wait_for_next()
        model.begin()
        for channel, result in zip(sorted(model.running), results, strict=False):
            if result is not None:
                model.end(channel, result)
        if fate is Fate.CRASH:
            model.crash()
        finished, read = list(model.finished), model.current
        model.write(
            reaches=fate is not Fate.LOST_WRITE,
            answered=fate is not Fate.LOST_ANSWER,
            check=lambda: None,
        )
        if fate in {Fate.WRITTEN, Fate.CRASH}:
            transition = Transition(
                before=excluding_attempts(read, finished, route=resolve(read)), after=model.current
            )
            content = transition.after.content
            self.events += events(
                transition.before, transition.after, content=content, attempts=transition.new_attempts
            )

    @property
    def ids(self) -> list[str]:
        return [event["event_id"] for event in self.events]

    def expected(self) -> int:
        """The number of facts that the status holds."""
        seen = self.model.current
        return len(seen.attempts) + (seen.phase in FINAL)


@given(channel_lists, policies, st.lists(steps, max_size=20))
def test_no_fact_is_published_twice_whatever_is_lost(
    channels: list[str], policy: RetryPolicy, life: list[tuple[list[Outcome | None], Fate]]
) -> None:
    recorder = Recorder(NotificationModel(channels, policy))
    for results, fate in life:
        recorder.a_reconciliation(results, fate)
    assert len(set(recorder.ids)) == len(recorder.ids) <= recorder.expected()


@given(
    channel_lists,
    policies,
    st.lists(steps.filter(lambda step: step[1] is not Fate.CRASH), max_size=20),
    st.lists(outcomes, min_size=4, max_size=4),
)
def test_live_process_publishes_every_fact_once(
    channels: list[str],
    policy: RetryPolicy,
    life: list[tuple[list[Outcome | None], Fate]],
    ending: list[Outcome],
) -> None:
    recorder = Recorder(NotificationModel(channels, policy))
    for results, fate in life:
        recorder.a_reconciliation(results, fate)
    for _ in range(MOST_ROUNDS):
        recorder.a_reconciliation(list(ending), Fate.WRITTEN)
    assert recorder.model.final
    assert len(set(recorder.ids)) == len(recorder.ids) == recorder.expected()
    rebuilt = all_events(recorder.model.current, content=recorder.model.current.content)
    assert {event["event_id"]: event for event in rebuilt} == dict(
        zip(recorder.ids, recorder.events, strict=True)
    )
