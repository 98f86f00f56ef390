"""Heartbeats, whatever happens to gateway, operator and API server: no false alarm, and one Trigger and one Resolve for each."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notification_domain.heartbeats.beats import Beats, with_missing, without_missing
from notification_domain.heartbeats.presence import Presence, PresenceLog
from notification_domain.json_values import format_time
from notification_domain.key import Key
from tests.cases import cases, load
from tests.simulation.choices import Choices
from tests.simulation.heartbeats.simulation import LATE, HeartbeatSimulation, Sender, run_schedule
from tests.simulation.violations import InvariantViolation
from tests.simulation.virtual_loop import run_virtually

if TYPE_CHECKING:
    from collections.abc import Callable
SOURCES = load(1000)
DEAD = 20
SCHEDULES = max(cases(24), 4)
CHOICES = 4000
EVERY, GRACE = 60.0, 10.0
START = datetime(2026, 11, 29, tzinfo=UTC)
FAULTY_SCHEDULES = 12
"""Schedules within which a fault is found."""


def choices(seed: int) -> Choices:
    return Choices(random.Random(seed).randbytes(CHOICES))  # noqa: S311 - a schedule, no secret


def test_seeded_schedules_keep_every_invariant() -> None:
    reports = 0
    for seed in range(SCHEDULES):
        outcome = run_schedule(choices(seed))
        assert not outcome.violation, f"seed {seed}\n" + "\n".join(outcome.trace)
        reports += outcome.reports
    assert reports > 0


ROUNDING = 0.001
"""Seconds; a time has microseconds."""
SECONDS = st.floats(min_value=0, max_value=3e6, allow_nan=False)


@settings(max_examples=cases(300))
@given(
    st.floats(min_value=10, max_value=3e6), st.floats(min_value=5, max_value=3e6), SECONDS, SECONDS, SECONDS
)
def test_beat_is_missing_only_after_a_time_with_the_gateway(
    every: float, grace: float, last: float, since: float, until: float
) -> None:
    beats = Beats(key=Key("shop", "backup", "u"), every=every, grace=grace, last=at(last), missed=None)
    there = Presence(since=at(since), until=at(until))
    if beats.is_missing(there):
        assert until > last + every + grace
        assert since <= last + every - grace + ROUNDING or until > since + every + grace
    elif since <= until:
        assert until <= max(last, since) + every + grace + 1.001, "within its grace, and a second"


@settings(max_examples=cases(100))
@given(SECONDS, SECONDS, SECONDS)
def test_mark_is_written_once_and_removed_with_its_beat(last: float, until: float, missed: float) -> None:
    source = {
        "metadata": {"namespace": "shop", "name": "backup", "uid": "u"},
        "spec": {"type": "heartbeat", "heartbeat": {"every": "1h"}},
        "status": {"lastBeatTime": format_time(at(last)), "received": 1},
    }
    there = Presence(since=at(0), until=at(until))
    status = with_missing(source, there)
    assert with_missing({**source, "status": status}, there) == status
    assert status == source["status"] or status["missedBeatTime"] == status["lastBeatTime"]
    removed = without_missing({**source, "status": status}, at(last))
    assert removed == source["status"]
    if round(missed, 3) != round(last, 3):
        assert without_missing({**source, "status": status}, at(missed)) == status


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def ignoring_absence(beats: Beats, _since: datetime) -> datetime | None:
    if beats.last is None:
        return None
    return beats.last + timedelta(seconds=beats.every + beats.grace)


def trusting_every_lease(log: PresenceLog, leases: object, now: float) -> None:
    OBSERVE(log, leases, now)  # type: ignore[arg-type]
    if log.presence is not None and log._since is not None:  # noqa: SLF001 - the fault is in there
        log.presence = Presence(since=log._since, until=log.presence.until + timedelta(seconds=30))  # noqa: SLF001


OBSERVE = PresenceLog.observe


@pytest.mark.parametrize(
    ("owner", "name", "fault"),
    [(Beats, "deadline", ignoring_absence), (PresenceLog, "observe", trusting_every_lease)],
)
def test_fault_is_found_within_the_first_schedules(
    owner: type, name: str, fault: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, fault)
    assert any("false alarm" in run_schedule(choices(seed)).violation for seed in range(FAULTY_SCHEDULES))


def test_missing_beats_of_a_thousand_sources_are_reported_in_time() -> None:
    simulation = run_virtually(_thousand())
    reported = [each for each in simulation.senders.values() if each.reports]
    assert len(reported) == DEAD
    assert [each.events for each in reported] == [["Trigger", "Resolve"]] * DEAD
    assert simulation.notices == []


async def _thousand() -> HeartbeatSimulation:
    """Let some senders die and live again while the replicas of gateway and operator are replaced one after the other."""
    senders = [Sender(name=f"s{number}", every=EVERY, grace=GRACE) for number in range(SOURCES)]
    simulation = HeartbeatSimulation(Choices(b""), senders)
    simulation.calm = True
    dying = random.Random(1).sample(sorted(simulation.senders), DEAD)  # noqa: S311 - as above
    try:
        await simulation.wait(EVERY + 1)
        for number, name in enumerate(dying):
            await simulation.wait(5)
            simulation.die(name)
            if number % 5 == 2:
                await simulation.replace(simulation.operators[0])
            if number % 5 == 4:
                await simulation.replace(simulation.gateways[0])
            if number == DEAD // 2:
                simulation.operators[0].clock_offset = timedelta(seconds=60)
        await simulation.wait(EVERY + GRACE + LATE)
        late = {
            each.name: each.reports[0][0] - each.heard - EVERY - GRACE
            for each in simulation.senders.values()
            if each.reports
        }
        assert max(late.values()) <= LATE, late
        for name in dying:
            simulation.revive(name)
        await simulation.wait(EVERY + LATE)
        simulation.check_end()
    except InvariantViolation as violation:
        pytest.fail(f"{violation}\n" + "\n".join(simulation.trace[-200:]))
    finally:
        await simulation.close()
    return simulation
