"""Short readings of a status, a watch and a sink's history, so that a check compares in one line."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SCHEDULING = 1.0
"""Seconds that a try may come late on a busy machine; it may never come early."""


def counts(status: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return the channels served, the channels not served, and the tries made."""
    return status["successfulDeliveries"], status["failedDeliveries"], status["totalAttempts"]


def tries(status: Mapping[str, Any]) -> list[tuple[str, int, str]]:
    """Return channel, number and result of each recorded try, in the order of the record."""
    return [(entry["channel"], entry["attempt"], entry["status"]) for entry in status["deliveryAttempts"]]


def phases(states: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the phases that a watch showed one after another, each stay once."""
    return [phase for phase, _ in itertools.groupby(state["status"]["phase"] for state in states)]


def pauses(history: Iterable[Mapping[str, Any]]) -> list[float]:
    """Return the seconds between what was seen one after another."""
    return [later["at"] - earlier["at"] for earlier, later in itertools.pairwise(history)]


def follow(measured: Iterable[float], *nominal: float) -> bool:
    """Tell whether these are the pauses of a policy, with its jitter of a tenth; the first is never shorter."""
    bounds = [(max(pause * 0.9, nominal[0]), pause * 1.1 + SCHEDULING) for pause in nominal]
    return all(least <= pause <= most for pause, (least, most) in zip(measured, bounds, strict=True))


def kinds(events: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Return how many audit events there are of each kind: sent, failed, acknowledged, escalated."""
    return Counter(event["event_type"].rpartition(".")[2] for event in events)


def header(*hits: Mapping[str, Any]) -> str:
    """Return the header of a Slack message, which may have come in several requests."""
    return "".join(block["text"]["text"] for block in _blocks(hits, "header"))


def body(*hits: Mapping[str, Any]) -> str:
    """Return the body of a Slack message, which may have come in several requests."""
    return "".join(block["text"]["text"] for block in _blocks(hits, "section"))


def context(*hits: Mapping[str, Any]) -> str:
    """Return the line of a Slack message that tells its priority and type."""
    return " ".join(element["text"] for block in _blocks(hits, "context") for element in block["elements"])


def _blocks(hits: Iterable[Mapping[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [block for hit in hits for block in hit["json"]["blocks"] if block["type"] == kind]
