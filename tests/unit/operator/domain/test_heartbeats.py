"""When a beat is missing, as far as the gateway was there to hear it, and what people are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notification_contract import names
from notification_contract.kinds.notification import NotificationSpec
from notification_contract.sources.source import NotificationSource
from notification_contract.sources.status import SourceStatus
from notification_domain.heartbeats import reports
from notification_domain.heartbeats.beats import Beats, with_missing, without_missing
from notification_domain.heartbeats.presence import Presence, PresenceLog, Silence
from notification_domain.json_values import format_time

BEAT = datetime(2026, 11, 29, 8, tzinfo=UTC)
LONG_AGO = BEAT - timedelta(days=3)


def after(seconds: float) -> datetime:
    return BEAT + timedelta(seconds=seconds)


def document(*, last: datetime | None = BEAT, missed: datetime | None = None, **spec: Any) -> dict[str, Any]:
    times = {"lastBeatTime": last, "missedBeatTime": missed}
    return {
        "metadata": {"namespace": "shop", "name": "backup", "uid": "u", "generation": 1},
        "spec": {"type": "heartbeat", "heartbeat": {"every": "1h", "grace": "5m"}, **spec},
        "status": {"received": 7, **{name: format_time(time) for name, time in times.items() if time}},
    }


def beats(**changes: Any) -> Beats:
    parsed = Beats.parse(document(**changes))
    assert parsed is not None
    return parsed


def there(*, until: datetime, since: datetime = LONG_AGO) -> Presence:
    return Presence(since=since, until=until)


def test_beat_is_missing_when_the_gateway_has_waited_in_vain() -> None:
    deadline = 3600 + 300
    assert not beats().is_missing(there(until=after(deadline)))
    assert beats().is_missing(there(until=after(deadline + 1)))
    assert not beats().is_missing(None)


def test_nothing_is_missing_before_the_first_beat() -> None:
    assert beats(last=None).deadline(LONG_AGO) is None
    assert not beats(last=None).is_missing(there(until=after(1_000_000)))


def test_nothing_more_is_missing_after_a_beat_that_was_reported() -> None:
    marked = beats(missed=BEAT)
    assert not marked.is_missing(there(until=after(1_000_000)))
    assert not marked.is_back
    assert beats(missed=BEAT, last=after(9000)).is_back


@pytest.mark.parametrize(
    ("returned", "deadline"),
    [
        (0, 3900),
        (3299, 3900),
        (3301, 3301 + 3900),
        (3700, 3700 + 3900),
        (10_000, 10_000 + 3900),
    ],
)
def test_absence_in_the_time_of_the_beat_begins_the_time_again(returned: float, deadline: float) -> None:
    assert beats().deadline(after(returned)) == after(deadline)


def test_absence_before_the_last_beat_never_shortens_the_time() -> None:
    patient = beats(heartbeat={"every": "1m", "grace": "2m"})
    assert patient.deadline(after(-30)) == after(180)
    assert patient.deadline(after(30)) == after(210)


def test_mark_names_the_last_beat_and_keeps_everything_else() -> None:
    late = there(until=after(5000))
    status = with_missing(document(), late)
    assert status == {**document()["status"], "missedBeatTime": format_time(BEAT)}
    assert with_missing({**document(), "status": status}, late) == status
    assert with_missing(document(last=after(4000)), late) == document(last=after(4000))["status"]
    assert with_missing({**document(), "spec": {"type": "generic"}}, late) == document()["status"]
    SourceStatus.model_validate(status)


def test_only_the_mark_of_the_same_beat_is_removed() -> None:
    marked = document(missed=BEAT)
    assert without_missing(marked, BEAT) == document()["status"]
    assert without_missing(marked, after(1)) == marked["status"]
    assert without_missing(document(), BEAT) == document()["status"]


def test_report_is_repeated_only_while_retention_cannot_have_deleted_it() -> None:
    known_for = 3900 + 86_400
    marked = beats(missed=BEAT)
    assert marked.may_be_unreported(there(until=after(known_for - 1)))
    assert not marked.may_be_unreported(there(until=after(known_for)))
    assert not marked.may_be_unreported(None), "the mark may be old"
    assert beats(missed=BEAT, last=after(9000)).may_be_unreported(None)
    assert not beats(missed=BEAT, last=after(known_for)).may_be_unreported(None)
    assert not beats().may_be_unreported(there(until=after(1)))


@pytest.mark.parametrize(
    "changes", [{"spec": {"type": "generic"}}, {"spec": {"type": "heartbeat"}}, {"spec": {}}]
)
def test_source_of_another_type_or_with_a_wrong_spec_has_no_beats(changes: dict[str, Any]) -> None:
    assert Beats.parse({**document(), **changes}) is None


def lease(
    replica: str, renewed: float, *, since: float | None = 0, version: str | None = None, seconds: int = 15
) -> dict[str, Any]:
    said = {} if since is None else {names.PRESENT_SINCE_ANNOTATION: format_time(after(since))}
    return {
        "metadata": {
            "name": f"{replica}-presence",
            "labels": dict(names.GATEWAY_PRESENCE_LABELS),
            "annotations": said,
            "resourceVersion": version or str(renewed),
        },
        "spec": {"renewTime": format_time(after(renewed)), "leaseDurationSeconds": seconds},
    }


def seen(*listings: tuple[float, list[dict[str, Any]]]) -> PresenceLog:
    log = PresenceLog()
    for now, leases in listings:
        log.observe(leases, now)
    return log


def test_replica_is_there_after_it_was_seen_to_renew() -> None:
    first = (0.0, [lease("a", 0)])
    assert seen(first).presence is None, "it may be dead"
    assert seen(first, (1.0, [lease("a", 0)])).presence is None
    assert seen(first, (2.0, [lease("a", 2)])).presence == Presence(since=after(0), until=after(2))


def test_slowest_replica_says_what_was_heard() -> None:
    log = seen((0.0, []), (1.0, [lease("a", 60, since=5), lease("b", 1, since=0)]))
    assert log.presence == Presence(since=after(0), until=after(1))


def test_replica_that_is_silent_is_not_waited_for() -> None:
    both = (1.0, [lease("a", 1), lease("b", 1)])
    still = [(float(now), [lease("a", 1), lease("b", now)]) for now in range(2, 7)]
    assert seen((0.0, []), both, *still[:-1]).presence == Presence(since=after(0), until=after(1))
    assert seen((0.0, []), both, *still).presence == Presence(since=after(0), until=after(6))


def test_other_leases_are_none_of_the_gateway() -> None:
    foreign = {**lease("a", 1), "metadata": {"name": "notification-operator", "resourceVersion": "1"}}
    assert seen((0.0, []), (1.0, [foreign, {}, {**lease("b", 1), "spec": {}}])).presence is None


def test_lease_without_annotation_says_only_that_it_is_there() -> None:
    log = seen((0.0, []), (1.0, [lease("a", 1, since=None)]))
    assert log.presence == Presence(since=after(1), until=after(1))


def test_clock_that_is_set_forward_begins_the_time_again() -> None:
    log = seen((0.0, []), *((float(now), [lease("a", now)]) for now in range(1, 4)))
    log.observe([lease("a", 64)], 4.0)
    assert log.presence == Presence(since=after(64), until=after(64))
    log.observe([lease("a", 66)], 6.0)
    assert log.presence == Presence(since=after(64), until=after(66))


def test_silence_lasts_until_a_replica_renews() -> None:
    log = seen((0.0, []), (1.0, [lease("a", 1, seconds=3)]), (6.0, [lease("a", 1, seconds=3)]))
    assert log.presence is None
    silence = Silence(since=after(0), began=1.0, seconds=5.0, promised=3)
    assert log.silence == silence
    log.observe([], 20.0)
    assert log.silence == Silence(since=after(0), began=1.0, seconds=19.0, promised=3)
    log.observe([lease("b", 31, since=31)], 31.0)
    ended = Silence(since=after(0), began=1.0, seconds=30.0, promised=3)
    assert log.silence == ended
    log.observe([lease("b", 33, since=31)], 33.0)
    assert log.silence == ended


def test_silence_while_nothing_could_be_listed_is_noticed_afterwards() -> None:
    log = seen((0.0, []), (1.0, [lease("a", 1)]), (61.0, [lease("a", 61, since=61)]))
    assert log.silence == Silence(since=after(0), began=1.0, seconds=60.0, promised=15)


def test_silence_that_began_before_this_process_is_noticed() -> None:
    dead, new = lease("a", 60, since=0), lease("b", 7260, since=7260)
    silence = Silence(since=after(0), began=3.0, seconds=7200.0, promised=15)
    assert seen((0.0, [dead]), (1.0, [dead]), (3.0, [dead, new])).silence == silence
    again = lease("b", 7262, since=7260)
    assert seen((1.0, [dead, new]), (3.0, [dead, again]), (5.0, [again])).silence == silence
    restarted = lease("a", 7260, since=7260)
    assert seen((0.0, [dead]), (3.0, [restarted])).silence == silence


def test_silence_of_one_replica_while_another_one_was_there_is_none() -> None:
    dead = lease("a", 60, since=0)
    first, then = lease("b", 70, since=0), lease("b", 72, since=0)
    assert seen((0.0, [dead, first]), (2.0, [dead, then])).silence is None


def test_there_is_no_silence_before_the_gateway_was_seen() -> None:
    assert seen((0.0, []), (100.0, [])).silence is None


def source(**spec: Any) -> NotificationSource:
    return NotificationSource.parse(document(**spec))


def test_notifications_of_a_missing_beat_and_its_return_belong_together() -> None:
    missed, back = reports.missed(source(), BEAT), reports.back(source(), BEAT, after(9000))
    assert missed["metadata"]["namespace"] == back["metadata"]["namespace"] == "shop"
    assert missed["metadata"]["labels"] == {names.SOURCE_LABEL: "backup"}
    kind, _, digest = missed["metadata"]["name"].partition("-")
    assert (kind, back["metadata"]["name"]) == ("missed", f"back-{digest}")
    assert missed["spec"] == {
        "type": "escalation",
        "priority": "medium",
        "subject": "No heartbeat of backup",
        "body": "The source shop/backup has sent no heartbeat since 2026-11-29 08:00:00 UTC. One is expected every 1h, and may be "
        "5m late.",
        "event": "Trigger",
        "dedupKey": back["spec"]["dedupKey"],
    }
    assert (back["spec"]["event"], back["spec"]["subject"]) == ("Resolve", "Heartbeat of backup is back")
    for each in (missed, back):
        NotificationSpec.model_validate(each["spec"])


def test_name_differs_between_beats_and_sources() -> None:
    other = NotificationSource.parse({**document(), "metadata": {**document()["metadata"], "uid": "other"}})
    found = [reports.missed(source(), BEAT), reports.missed(source(), after(1)), reports.missed(other, BEAT)]
    assert len({each["metadata"]["name"] for each in found}) == 3


def test_heartbeat_wins_over_the_source() -> None:
    general = {
        "receiverRefs": [{"name": "chat"}],
        "mapping": {"type": "simple", "priority": {"default": "low"}},
    }
    spec = reports.missed(source(**general), BEAT)["spec"]
    assert (spec["type"], spec["priority"], spec["receiverRefs"]) == ("simple", "low", [{"name": "chat"}])
    own = {
        "every": "1h",
        "subject": "no\nbackup",
        "priority": "critical",
        "receiverRefs": [{"name": "pager"}],
    }
    spec = reports.missed(source(**general, heartbeat=own), BEAT)["spec"]
    assert (spec["subject"], spec["priority"], spec["receiverRefs"]) == (
        "no backup",
        "critical",
        [{"name": "pager"}],
    )
    assert reports.back(source(heartbeat=own), BEAT, BEAT)["spec"]["subject"] == "Back: no backup"


def test_notice_of_a_silence_is_named_by_it() -> None:
    silence = Silence(since=BEAT, began=1.0, seconds=60.0, promised=15)
    notice = reports.missed_all("home", silence, 3)
    longer = reports.missed_all("home", Silence(since=BEAT, began=1.0, seconds=90.0, promised=15), 3)
    assert notice["metadata"] == longer["metadata"]
    assert notice["metadata"]["name"].startswith("missed-all-")
    assert "event" not in notice["spec"]
    NotificationSpec.model_validate(notice["spec"])
