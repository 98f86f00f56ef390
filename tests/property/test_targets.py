"""Targets over the life of a notification: with receivers, fallbacks, suppressions, holds and expiry."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from notification_contract.kinds.choices import AttemptStatus, Phase, TargetState
from notification_contract.kinds.target import MAX_TARGETS
from notification_domain.json_values import format_time
from notification_domain.planning.progress import most_attempts
from notification_domain.receivers.targets import NO_RULES, PLACEHOLDER
from notification_domain.status import MOVES
from tests.cases import cases
from tests.property.strategies import Outcome, outcomes
from tests.property.target_model import Answer, Step, TargetModel
from tests.unit.operator.domain.builders import at
from tests.unit.operator.domain.receivers.entries import receiver

NAMES = ["a", "b", "c", "d"]
PEOPLE = [f"p{number}@example.com" for number in range(12)]
SECONDS = st.sampled_from([1, 30, 90, 300])

fallbacks = st.builds(
    lambda name, after, also: {"name": name, "also": also} | ({"after": after} if after else {}),
    st.sampled_from([*NAMES, *NAMES, "missing"]),
    st.sampled_from([None, "Never", "1s", "30s", "90s", "300s"]),
    st.sampled_from([False, False, True]),
)


@st.composite
def fields(draw: st.DrawFn) -> dict[str, Any]:
    """Return what a spec demands; mostly a fallback."""
    result: dict[str, Any] = {}
    if draw(st.sampled_from([True, True, False])):
        result["fallback"] = draw(fallbacks)
    if draw(st.booleans()):
        result["retryPolicy"] = {"maxAttempts": draw(st.sampled_from([1, 2, 4]))}
    if draw(st.sampled_from([True, False, False, False])):
        result["priorities"] = ["critical"]
    return result


@st.composite
def receivers(draw: st.DrawFn) -> list[Any]:
    """Return some receivers: webhooks, and mail servers with up to seventeen recipients."""
    entries = []
    for name in NAMES:
        if draw(st.sampled_from([True, True, True, False])):
            kind = draw(st.sampled_from(["webhook", "webhook", "email"]))
            block = {"to": PEOPLE[: draw(st.sampled_from([1, 2, 12]))]} if kind == "email" else {}
            entries.append(receiver(name, kind, block=block, **draw(fields())))
    return entries


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """Return the spec of a notification that names receivers, channels, or nothing."""
    refs = draw(st.sampled_from([["a"], ["a", "b"], ["c", "b", "a"], []]))
    spec: dict[str, Any] = {
        "receiverRefs": [{"name": name} for name in refs],
        "channels": draw(st.sampled_from([[], [], ["console"], ["webhook"]])),
        "priority": draw(st.sampled_from(["critical", "low"])),
        "retryPolicy": {
            "maxAttempts": draw(st.sampled_from([1, 2, 4])),
            "initialBackoffSeconds": draw(st.sampled_from([1, 60])),
            "backoffMultiplier": draw(st.integers(1, 3)),
            "maxBackoffSeconds": draw(st.sampled_from([60, 600])),
        },
    }
    if draw(st.sampled_from([True, False, False])):
        spec["notBefore"] = format_time(at(draw(SECONDS)))
    if draw(st.sampled_from([True, False, False])):
        spec["deliverBefore"] = format_time(at(draw(SECONDS) + 0.5))
    return spec


steps = st.builds(
    Step,
    answer=st.sampled_from([Answer.RUN, Answer.RUN, *Answer]),
    outcome=outcomes,
    seconds=SECONDS.map(float),
)


class Checks:
    """What holds after every write."""

    def __init__(self, model: TargetModel) -> None:
        self.model = model
        self.phase = Phase.PENDING
        self.recorded: tuple[str, ...] = ()
        self.rescued: frozenset[str] = frozenset()
        self.check()

    def check(self) -> None:
        status = self.model.current.status
        self._phase_moves_along_the_table(status.phase)
        self._recorded_targets_stay(status.target_names)
        assert len(self.model.obj["status"].get("targets", ())) <= MAX_TARGETS
        assert len(set(status.target_names)) == len(status.targets)
        self._targets_agree_with_the_attempts()
        self._rescues_stay_and_are_no_loss()
        self._fold_is_idempotent()

    def _phase_moves_along_the_table(self, phase: Phase) -> None:
        assert phase is self.phase or phase in MOVES[self.phase]
        self.phase = phase

    def _recorded_targets_stay(self, names: tuple[str, ...]) -> None:
        gone = set(self.recorded) - set(names)
        assert all(name.startswith(PLACEHOLDER) for name in gone)
        self.recorded = names

    def _targets_agree_with_the_attempts(self) -> None:
        model, current, rules_of = self.model, self.model.current, self.model.route.rules
        for target in current.status.targets:
            attempts = [each for each in current.attempts if each.channel == target.name]
            counted = [each for each in attempts if not each.circuit_open]
            rules = rules_of.get(target.name, NO_RULES)
            assert target.attempts == len(counted)
            assert bool(target.suppressed_by) is (target.state is TargetState.SUPPRESSED)
            refused = current.status.reason == "TooLarge"
            match target.state:
                case TargetState.DELIVERED:
                    assert any(each.succeeded for each in attempts)
                case TargetState.REFUSED:
                    assert refused or any(each.permanent for each in attempts)
                case TargetState.EXHAUSTED:
                    assert len(counted) >= 1
                case TargetState.SUPPRESSED:
                    assert not attempts or target.suppressed_by == "DeliveredByFallback"
                case TargetState.EXPIRED:
                    assert current.deliver_before is not None
                    assert current.deliver_before <= model.now
                    assert target.name not in model.running
                case TargetState.WAITING | TargetState.DELIVERING:
                    assert not any(each.succeeded or each.permanent for each in attempts)
                    assert not model.final
                    if not model.receivers_changed:
                        assert len(counted) < most_attempts(current, rules)
            assert (target.delivered_at is not None) is (target.state is TargetState.DELIVERED)

    def _rescues_stay_and_are_no_loss(self) -> None:
        status = self.model.current.status
        by_name = {each.name: each for each in status.targets}
        rescued = {each.name for each in status.targets if each.reason == "DeliveredByFallback"}
        assert self.rescued <= rescued
        for name in rescued - self.rescued:
            fallback = self.model.decided.rules[name].fallback
            assert fallback
            for other in fallback:
                assert by_name[other].state is TargetState.DELIVERED or other in rescued
        self.rescued = frozenset(rescued)
        lost = {TargetState.REFUSED, TargetState.EXHAUSTED, TargetState.EXPIRED}
        missing = [each.name for each in status.targets if each.state in lost and each.name not in rescued]
        if rescued and self.model.final and not missing and status.reason != "TooLarge":
            assert (status.phase, status.reason) == (Phase.SENT, "DeliveredByFallback")
            assert status.condition("DeadLettered") is None

    def _fold_is_idempotent(self) -> None:
        once = self.model.decide()
        before, self.model.obj = self.model.obj, self.model.obj | {"status": once}
        assert self.model.decide() == once
        self.model.obj = before


@settings(max_examples=cases(250))
@given(specs(), receivers(), st.data())
def test_life_of_a_notification_with_receivers(
    spec: dict[str, Any], known: list[Any], data: st.DataObject
) -> None:
    model = TargetModel(spec, known)
    checks = Checks(model)
    for _ in range(data.draw(st.integers(0, 8))):
        happening = data.draw(st.sampled_from(["reconcile", "wait", "end", "change", "crash"]))
        match happening:
            case "wait" if model.due is not None:
                model.now = max(model.now, model.due)
            case "end" if model.running:
                model.end(data.draw(st.sampled_from(sorted(model.running))), data.draw(outcomes))
            case "change":
                model.change(data.draw(receivers()))
            case "crash":
                model.crash()
        reconcile(model, lambda _send: data.draw(steps))
        checks.check()
    to_the_end(model, checks)


def reconcile(model: TargetModel, choose: Any) -> None:
    """Reconcile; the operator must look again by itself, or hear of something, unless all is done."""
    before = model.now
    planned = model.reconcile(choose)
    if model.final or model.running or model.without_room:
        return
    assert model.due is not None, f"nothing would ever happen: {model.obj['status']}"
    end = model.current.deliver_before
    assert end is None or model.due <= end, "the end of a notification must not be missed"
    if not planned.sends:
        assert model.due > before or model.plan().sends, "the operator would look again and again"


def to_the_end(model: TargetModel, checks: Checks) -> None:
    """Without further changes every attempt fails, and the notification ends in a bounded number of rounds."""
    model.now += max([model.now, *model.held.values(), *model.breakers.values()]) - model.now
    rounds = MAX_TARGETS * 5 + 20
    for _ in range(rounds):
        if model.final:
            break
        for target in list(model.running):
            model.end(target, Outcome(status=AttemptStatus.FAILED))
        reconcile(model, lambda _send: Step())
        checks.check()
        if model.due is not None:
            model.now = max(model.now, model.due)
    assert model.final
    status, writes = model.obj["status"], model.writes
    reconcile(model, lambda _send: Step())
    assert (model.obj["status"], model.writes) == (status, writes)


@settings(max_examples=cases(300))
@given(specs(), receivers())
def test_undisturbed_notification_is_written_seldom(spec: dict[str, Any], known: list[Any]) -> None:
    """Each write records an attempt, a fallback, or the end: waiting costs none."""
    model = TargetModel(spec, known)
    to_the_end(model, Checks(model))
    status = model.current.status
    assert model.writes <= len(status.attempts) + len(status.targets) + 1


@given(specs(), receivers(), SECONDS)
def test_held_notification_is_written_once_until_the_hold_ends(
    spec: dict[str, Any], known: list[Any], seconds: int
) -> None:
    model = TargetModel(spec, known)
    hold = Step(answer=Answer.HOLD, seconds=float(seconds))
    reconcile(model, lambda _send: hold)
    writes = model.writes
    for _ in range(3):
        if model.final or model.due is None:
            break
        held = [until for until in model.held.values() if until > model.now]
        if not held:
            break
        reconcile(model, lambda _send: hold)
        assert model.writes == writes


def mail(name: str, **more: Any) -> Any:
    """Return a receiver with so many recipients that two of its kind are too many."""
    return receiver(name, "email", block={"to": PEOPLE}, **more)


@given(specs(), st.sampled_from(["Never", "1s", "30s", "90s", "300s"]), st.data())
def test_fallbacks_beyond_the_limit_cause_no_endless_reconciliation(
    spec: dict[str, Any], after: str, data: st.DataObject
) -> None:
    fallback = {"name": "b", "after": after}
    model = TargetModel(spec | {"receiverRefs": [{"name": "a"}]}, [mail("a", fallback=fallback), mail("b")])
    checks = Checks(model)
    for _ in range(4):
        reconcile(model, lambda _send: data.draw(steps))
        checks.check()
        model.now = max(model.now, model.due or model.now)
    to_the_end(model, checks)


@given(specs(), st.data())
def test_receiver_that_appears_with_too_many_recipients_loses_no_target(
    spec: dict[str, Any], data: st.DataObject
) -> None:
    refs = [{"name": name} for name in data.draw(st.permutations(["a", "b"]))]
    model = TargetModel(spec | {"receiverRefs": refs}, [mail("b")])
    checks = Checks(model)
    for _ in range(3):
        reconcile(model, lambda _send: data.draw(steps))
        checks.check()
        model.now = max(model.now, model.due or model.now)
    model.change([mail("a"), mail("b")])
    to_the_end(model, checks)
