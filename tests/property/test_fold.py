"""Fold: idempotent, in any order, in any parts, on any read."""

import itertools
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from notification_contract.kinds.choices import AttemptStatus
from notification_domain.folding.fold import fold
from notification_domain.folding.outcome import decide_phase
from notification_domain.model import Attempt, parse
from notification_domain.planning.progress import progress
from notification_domain.routing import Route, resolve
from notification_domain.situation import Situation
from notification_domain.status import FINAL
from tests.property.notification_model import NotificationModel
from tests.property.strategies import Outcome, foreign_fields, outcomes, policies, rejected
from tests.unit.operator.domain.builders import START, at, stored

CHANNELS = ["slack", "console", "file"]


@st.composite
def unrecorded(draw: st.DrawFn) -> tuple[NotificationModel, list[Attempt]]:
    """Return a model and its finished attempts, none of them written yet."""
    model = NotificationModel(CHANNELS, draw(policies))
    finished = []
    for channel in CHANNELS:
        results = draw(st.lists(outcomes | rejected, max_size=min(4, model.policy.max_attempts)))
        for number, result in enumerate(_until_the_end(_without_repeated_rejections(results)), start=1):
            finished.append(_attempt(channel, number, result))
    return model, finished


def _without_repeated_rejections(results: list[Outcome]) -> list[Outcome]:
    """Return the results without rejections that follow another rejection."""
    pairs = itertools.pairwise([None, *results])
    return [now for before, now in pairs if now and not (before and before.circuit_open and now.circuit_open)]


def _until_the_end(results: list[Outcome]) -> list[Outcome]:
    """Return the results up to the first one that ends the attempts."""
    ends = [i for i, r in enumerate(results) if r.permanent or r.status is AttemptStatus.SUCCESS]
    return results[: ends[0] + 1] if ends else results


def _attempt(channel: str, number: int, result: Outcome) -> Attempt:
    return Attempt(
        channel=channel,
        number=number,
        timestamp=at(number * 100),
        status=result.status,
        duration=result.duration,
        permanent=result.permanent,
        retry_after=result.retry_after,
        circuit_open=result.circuit_open,
    )


def steps(model: NotificationModel, finished: list[Attempt], *parts: int) -> dict[str, Any]:
    """Write the attempts in parts, each folded on a fresh read; return the last status."""
    edges = [0, *sorted(parts), len(finished)]
    for start, stop in itertools.pairwise(edges):
        model.store(model.decide(finished[start:stop]))
    return model.status


def facts(status: dict[str, Any]) -> dict[str, Any]:
    """Return what a status says about the attempts, whatever was shown in between.

    Times and conditions depend on when something was written, and Retrying, once shown, stays.
    """
    dated = {"completionTime", "processingStartedAt", "conditions"}
    if status["phase"] not in FINAL:
        dated |= {"phase", "reason", "message"}
    entries = sorted(
        status.get("deliveryAttempts", ()), key=lambda entry: (entry["channel"], entry["attempt"])
    )
    return {key: value for key, value in status.items() if key not in dated} | {"deliveryAttempts": entries}


@given(unrecorded())
def test_fold_is_idempotent(case: tuple[NotificationModel, list[Attempt]]) -> None:
    model, finished = case
    once = steps(model, finished)
    assert steps(model, finished) == once
    assert steps(model, finished + finished) == once
    differing = [replace(attempt, timestamp=at(1), error="another text") for attempt in finished]
    assert steps(model, differing) == once


@given(unrecorded(), st.randoms(use_true_random=False))
def test_order_of_the_attempts_does_not_matter(
    case: tuple[NotificationModel, list[Attempt]], random: Any
) -> None:
    model, finished = case
    assert model.decide(random.sample(finished, len(finished))) | {"deliveryAttempts": []} == model.decide(
        finished
    ) | {"deliveryAttempts": []}


@given(unrecorded(), st.data())
def test_number_of_writes_does_not_matter(
    case: tuple[NotificationModel, list[Attempt]], data: st.DataObject
) -> None:
    model, finished = case
    in_one = model.decide(finished)
    parts = data.draw(st.lists(st.integers(0, len(finished)), max_size=3))
    in_parts = steps(model, finished, *parts)
    assert (in_parts["phase"] in FINAL) is (in_one["phase"] in FINAL)
    assert facts(in_parts) == facts(in_one)


@given(unrecorded(), foreign_fields)
def test_conflict_loses_neither_attempts_nor_foreign_fields(
    case: tuple[NotificationModel, list[Attempt]], fields: dict[str, Any]
) -> None:
    model, finished = case
    undisturbed = model.decide(finished)
    model.store(model.status | fields)
    assert model.decide(finished) == undisturbed | fields


@given(unrecorded(), st.sets(st.sampled_from(CHANNELS)))
def test_next_attempt_is_shown_exactly_if_one_is_due_and_not_running(
    case: tuple[NotificationModel, list[Attempt]], in_flight: set[str]
) -> None:
    model, finished = case
    waiting = {
        channel
        for channel in CHANNELS
        if (attempts := [attempt for attempt in finished if attempt.channel == channel])
        and not any(attempt.succeeded or attempt.permanent for attempt in attempts)
        and len([attempt for attempt in attempts if not attempt.circuit_open]) < model.policy.max_attempts
    }
    status = fold(
        Situation(
            now=model.now,
            notification=model.current,
            route=resolve(model.current),
            running=frozenset(in_flight),
        ),
        finished,
        queued_at=START,
    )
    assert (status.next_attempt_at is not None) == bool(waiting - in_flight)


@given(unrecorded())
def test_phase_depends_on_the_recorded_attempts_alone(case: tuple[NotificationModel, list[Attempt]]) -> None:
    """A restarted operator decides the same phase from the stored status."""
    model, finished = case
    if not finished:
        return
    status = steps(model, finished)
    read = parse(model.obj)
    decision = decide_phase(
        progress(Situation(now=read.created, notification=read, route=resolve(read))),
        read.retry,
        present=read.phase,
        in_flight=frozenset(),
    )
    assert (decision.phase, decision.message) == (status["phase"], status["message"])


@given(unrecorded(), st.sampled_from(["Sent", "PartiallySent", "Failed"]), foreign_fields)
def test_final_status_is_returned_unchanged(
    case: tuple[NotificationModel, list[Attempt]], phase: str, fields: dict[str, Any]
) -> None:
    _, finished = case
    status = fields | {"phase": phase}
    read = parse(stored(spec={"channels": CHANNELS}, status=status))
    again = fold(
        Situation(now=at(9), notification=read, route=Route(targets=read.channels)), finished, queued_at=START
    )
    assert again.dump() == status
