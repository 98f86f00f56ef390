"""Short readings of a status, a watch and the receivers, to compare in one line."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.harness.cluster import Object
    from tests.harness.operator_under_test import OperatorUnderTest


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Channels that delivered, channels that failed, and attempts in all."""

    delivered: int
    failed: int
    attempts: int


@dataclass(frozen=True, slots=True, order=True)
class Attempt:
    """One recorded attempt."""

    channel: str
    number: int
    result: str


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """One target as the status shows it."""

    name: str
    state: str
    attempts: int


def targets(status: Mapping[str, Any]) -> list[Target]:
    """Return the targets, sorted by name."""
    return sorted(
        Target(entry["name"], entry["state"], entry.get("attempts", 0)) for entry in status.get("targets", [])
    )


def target(status: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the entry of a target."""
    (entry,) = (each for each in status.get("targets", []) if each["name"] == name)
    return dict(entry)


def counts(status: Mapping[str, Any]) -> Counts:
    """Return the counters of a status."""
    return Counts(
        delivered=status["successfulDeliveries"],
        failed=status["failedDeliveries"],
        attempts=status["totalAttempts"],
    )


def attempts(status: Mapping[str, Any]) -> list[Attempt]:
    """Return the recorded attempts, in the order of the record."""
    return [
        Attempt(entry["channel"], entry["attempt"], entry["status"]) for entry in status["deliveryAttempts"]
    ]


def failed(channel: str, number: int) -> Attempt:
    """Return a failed attempt, to compare with."""
    return Attempt(channel, number, "failed")


def succeeded(channel: str, number: int) -> Attempt:
    """Return a successful attempt, to compare with."""
    return Attempt(channel, number, "success")


def phases(states: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the phases that a watch showed, without repetitions."""
    return [phase for phase, _ in itertools.groupby(state["status"]["phase"] for state in states)]


def pauses(history: Iterable[Mapping[str, Any]]) -> list[float]:
    """Return the seconds between consecutive entries."""
    return [later["at"] - earlier["at"] for earlier, later in itertools.pairwise(history)]


def planned(states: Iterable[Mapping[str, Any]]) -> list[float]:
    """Return the seconds from the end of each failed attempt to the next attempt, as the operator planned them.

    Both times are recorded, so what a busy machine adds does not count.
    """
    delays: dict[str, float] = {}
    for status in (state["status"] for state in states):
        due, ended = status.get("nextAttemptAt"), [_ended(each) for each in _failures(status)]
        if due and ended:
            delays.setdefault(due, (datetime.fromisoformat(due) - max(ended)).total_seconds())
    return list(delays.values())


def _failures(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in status.get("deliveryAttempts", []) if each["status"] == "failed"]


def _ended(attempt: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(attempt["timestamp"]) + timedelta(seconds=attempt.get("durationSeconds", 0))


def follow(delays: Sequence[float], calls: Iterable[Mapping[str, Any]], *nominal: float) -> bool:
    """Return whether planned delays are those of a policy, with a jitter of 10 %, and no call came before its time.

    None is shorter than the first. How late a call comes depends on the machine.
    """
    bounds = [(max(pause * 0.9, nominal[0]), pause * 1.1) for pause in nominal]
    within = all(least <= delay <= most for delay, (least, most) in zip(delays, bounds, strict=True))
    return within and all(pause >= delay for pause, delay in zip(pauses(calls), delays, strict=True))


def latency(obj: Mapping[str, Any], until: str = "completionTime") -> float:
    """Return the seconds from the creation of a notification to a time in its status; up to a second too long.

    Both times are recorded, so what a busy machine adds to the requests of a test does not count. The API server
    truncates the time of creation to whole seconds.
    """
    return elapsed(obj["metadata"]["creationTimestamp"], obj["status"][until])


def elapsed(begin: str, end: str) -> float:
    """Return the seconds between two recorded times."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def kinds(events: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Return the number of audit events per kind: sent, failed, acknowledged, escalated."""
    return Counter(event["event_type"].rpartition(".")[2] for event in events)


def header(*hits: Mapping[str, Any]) -> str:
    """Return the header of a Slack message, which may consist of several requests."""
    return "".join(block["text"]["text"] for block in _blocks(hits, "header"))


def body(*hits: Mapping[str, Any]) -> str:
    """Return the body of a Slack message as Slack shows it; the message may consist of several requests.

    In text with markup, the three characters that begin Slack's own markup are escaped, and Slack shows them as
    they were written. Nothing else may be changed.
    """
    return "".join(_unescaped(block["text"]["text"]) for block in _blocks(hits, "section"))


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def context(*hits: Mapping[str, Any]) -> str:
    """Return the line of a Slack message with priority and type."""
    return " ".join(element["text"] for block in _blocks(hits, "context") for element in block["elements"])


def _blocks(hits: Iterable[Mapping[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [block for hit in hits for block in hit["json"]["blocks"] if block["type"] == kind]


EMOJI = ("\U0001f6a8", "\u26a0\ufe0f", "\u2139\ufe0f", "\U0001f4ac")
"""The emoji of Slack's header, from critical down to low."""


def arrivals(operator: OperatorUnderTest, obj: Object) -> dict[str, int]:
    """Return the number of messages per receiver, without receivers that got none."""
    counts = {"console": len(operator.console(obj)), "slack": len(operator.slack.hits(obj))}
    return {channel: count for channel, count in counts.items() if count}


def printed(operator: OperatorUnderTest, obj: Object) -> Object:
    """Return subject and body of a notification's only message as the console shows them."""
    (text,) = operator.console(obj)
    intro = f"[{obj['spec']['priority']}] [{obj['spec']['type']}] "
    assert text.startswith(intro)
    assert text.endswith("\n")
    subject, _, rest = text.removeprefix(intro)[:-1].partition("\n")
    return {"subject": subject, "body": rest}


def shown(operator: OperatorUnderTest, obj: Object) -> Object:
    """Return subject and body of a notification's only message as Slack shows them."""
    hits = operator.slack.hits(obj)
    assert len(hits) == 1
    emoji, _, subject = header(*hits).partition(" ")
    assert emoji in EMOJI
    return {"subject": subject, "body": body(*hits)}


def errors(status: Object) -> list[str]:
    """Return the recorded errors, oldest first; an empty text for a success."""
    return [entry.get("error", "") for entry in status["deliveryAttempts"]]


def routing(status: Object) -> tuple[str, str, str]:
    (condition,) = [entry for entry in status["conditions"] if entry["type"] == "RoutingResolved"]
    return condition["status"], condition["reason"], condition["message"]
