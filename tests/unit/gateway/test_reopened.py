"""Alerts that were resolved and fire again since the same time: Alertmanager resolves what Prometheus reports too late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from notification_gateway.errors import Unavailable
from notification_gateway.store import RequestStore
from tests.unit.gateway.cluster import REQUESTS, Cluster, client_of
from tests.unit.gateway.mapping.builders import alert, alertmanager, only, post, source
from tests.unit.operator.kube_api import refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

    from notification_domain.mapping import Notification

HOME: Final = "shop"
MINUTE: Final = 60
ONCE, REPEATING = source("alertmanager"), source("alertmanager", alertmanager={"repeatAfter": "4h"})
BEGINS: Final = "2026-03-01T12:00:00Z"
FIRING: Final = alertmanager(alert(startsAt=BEGINS))
Sent = tuple[dict[str, Any], float]
"""A payload, and the minute at which it comes."""


class Place:
    """A store, and the time of what it creates."""

    def __init__(self, cluster: Cluster, store: RequestStore) -> None:
        self.cluster = cluster
        self._store = store

    async def created(self, payload: dict[str, Any], minutes: float, *, of: Any = ONCE) -> bool:
        """Return whether a payload becomes a notification at that minute."""
        received = post(payload, seconds=minutes * MINUTE)
        self.cluster.now = f"{received.received:%Y-%m-%dT%H:%M:%SZ}"

        async def complete(notification: Notification) -> Notification:
            return notification

        wanted = [only(of, received)]
        (stored,) = await self._store.create_all(HOME, wanted, complete, now=received.received)
        return stored.is_new

    async def all(self, *sent: Sent, of: Any = ONCE) -> list[bool]:
        return [await self.created(payload, minutes, of=of) for payload, minutes in sent]


@pytest.fixture
async def place(cluster: Cluster) -> AsyncIterator[Place]:
    async with client_of(cluster) as client:
        yield Place(cluster, RequestStore(client))


def ended(second: int) -> dict[str, Any]:
    return alertmanager(alert(startsAt=BEGINS, resolved=f"2026-03-01T12:00:{second}Z"))


@pytest.mark.parametrize("of", [ONCE, REPEATING], ids=["once", "repeated"])
async def test_alert_that_fires_again_since_the_same_time_is_a_trigger_each_time(
    place: Place, of: Any
) -> None:
    sent = [(FIRING, 1), (FIRING, 2), (ended(50), 3), (FIRING, 4), (FIRING, 5), (ended(51), 6), (FIRING, 7)]
    assert await place.all(*sent, of=of) == [True, False, True, True, False, True, True]
    found = place.cluster.created
    assert sorted(each["spec"]["event"] for each in found) == ["Resolve"] * 2 + ["Trigger"] * 3
    assert len({each["spec"]["dedupKey"] for each in found}) == 1
    assert {each["metadata"]["name"][:3] for each in found} == {"am-"}


async def test_resolve_of_the_same_second_follows_its_trigger(place: Place) -> None:
    assert await place.all((FIRING, 1), (ended(50), 1), (FIRING, 1), (FIRING, 1)) == [True, True, True, False]


@pytest.mark.parametrize("of", [ONCE, REPEATING], ids=["once", "repeated"])
async def test_resolve_after_a_late_repeat_of_its_trigger_ends_it(place: Place, of: Any) -> None:
    sent = [(FIRING, 1), (ended(50), 6), (FIRING, 7), (FIRING, 8), (ended(50), 11), (ended(50), 12)]
    assert await place.all(*sent, of=of) == [True, True, True, False, True, False]
    sent = [(FIRING, 13), (FIRING, 14), (ended(50), 15), (ended(50), 16)]
    assert await place.all(*sent, of=of) == [True, False, True, False]
    events = sorted(place.cluster.created, key=lambda each: each["metadata"]["creationTimestamp"])
    assert [each["spec"]["event"] for each in events] == ["Trigger", "Resolve"] * 3


async def test_resolve_of_an_incident_that_has_ended_is_a_repeat(place: Place) -> None:
    sent = [(FIRING, 1), (ended(50), 3), (FIRING, 4), (ended(51), 6), (ended(50), 7), (ended(51), 8)]
    assert await place.all(*sent) == [True, True, True, True, False, False]
    assert await place.all((FIRING, 8), (ended(51), 8)) == [True, True]


async def test_resolve_follows_a_late_trigger_of_its_second(place: Place) -> None:
    assert await place.all((FIRING, 1), (ended(50), 2), (FIRING, 2), (ended(50), 2)) == [
        True,
        True,
        True,
        False,
    ]


async def test_repeat_after_the_resolve_of_an_earlier_alert_is_none(place: Place) -> None:
    later = alertmanager(alert(startsAt="2026-03-01T12:10:00Z"))
    sent = [(FIRING, 1), (ended(50), 3), (later, 11), (later, 12), (ended(50), 13)]
    assert await place.all(*sent) == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("resolved", "minutes", "expected"),
    [
        pytest.param(3, [4, 241, 242, 478, 481], [True, True, False, False, True], id="in the first period"),
        pytest.param(238, [239, 241, 450, 480.1], [True, False, False, True], id="at the end of a period"),
        pytest.param(230, [241, 245, 482, 484], [True, False, True, False], id="in the period before"),
        pytest.param(250, [251, 481, 490], [True, True, False], id="after a repeat"),
    ],
)
async def test_periods_of_repeats_go_on_after_a_resolve(
    place: Place, resolved: float, minutes: list[float], expected: list[bool]
) -> None:
    before = [(FIRING, 1)] + ([(FIRING, 241)] if resolved > 241 else [])
    assert all(await place.all(*before, (ended(50), resolved), of=REPEATING))
    assert await place.all(*((FIRING, each) for each in minutes), of=REPEATING) == expected


async def test_deleted_resolve_of_an_earlier_alert_changes_no_name(place: Place) -> None:
    later = alertmanager(alert(startsAt="2026-03-01T12:10:00Z"))
    sent = [(FIRING, 1), (ended(50), 3), (later, 11), (later, 251), (later, 400)]
    assert await place.all(*sent, of=REPEATING) == [True, True, True, True, False]
    (resolve,) = [each for each in place.cluster.created if each["spec"]["event"] == "Resolve"]
    place.cluster.remove(REQUESTS, HOME, resolve["metadata"]["name"])
    assert await place.all((later, 401), (later, 460), of=REPEATING) == [False, False]


async def test_resolve_of_another_sender_does_not_count(place: Place) -> None:
    await place.created(FIRING, 1)
    (trigger,) = place.cluster.created
    spec = {**trigger["spec"], "event": "Resolve"}
    place.cluster.put(
        REQUESTS, HOME, "by-hand", meta={"creationTimestamp": "2026-03-02T00:00:00Z"}, spec=spec
    )
    assert not await place.created(FIRING, 2)


@pytest.mark.parametrize("status", [400, 403, 503])
async def test_listing_that_is_refused_makes_it_no_repeat(place: Place, status: int) -> None:
    await place.all((FIRING, 1), (ended(50), 2))

    def fails(method: str, path: str, _body: Any) -> web.Response | None:
        return refusal(status, "refused") if method == "GET" and path.endswith(REQUESTS) else None

    place.cluster.fails = fails
    with pytest.raises(Unavailable, match="cannot store"):
        await place.created(FIRING, 3)
    place.cluster.fails = lambda *_: None
    assert await place.created(FIRING, 3)
