"""The events of one incident, in their order, with what each target got."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from notification_cli.actions.incident import ShowingIncident
from notification_cli.errors import ApiError, CliError
from notification_cli.kube.resources import Notifications, Receivers, Sources
from notification_cli.session import Session
from notification_cli.views.format import Output
from notification_cli.views.incidents import events_of
from notification_domain.json_values import format_time
from tests.unit.cli.samples import NOW, screen
from tests.unit.operator.domain.builders import START, stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_cli.kube.connection import Connection

KEY = "checkout/eu,west"


def about(name: str, event: str, second: int, *targets: dict[str, Any], **spec: Any) -> dict[str, Any]:
    created = format_time(START + timedelta(seconds=second))
    return stored(
        spec={"dedupKey": KEY, "event": event, "subject": f"About {name}", **spec},
        metadata={"name": name, "uid": f"uid-{name}", "creationTimestamp": created},
        status={"phase": "Sent" if targets else "Pending", "targets": list(targets)},
    )


def target(name: str, state: str = "Delivered", **fields: Any) -> dict[str, Any]:
    return {"name": name, "state": state, "attempts": 1, **fields}


INCIDENT = (
    about(
        "a-resolve",
        "Resolve",
        120,
        target("slack/team", messageRef="C1/2"),
        target("pagerduty/on-call", "Suppressed", suppressedBy="Muted"),
    ),
    about(
        "b-trigger",
        "Trigger",
        0,
        target("slack/team", messageRef="C1/1"),
        target("pagerduty/on-call", "Refused", lastError="403\x1b[2J"),
    ),
    about("c-ack", "Acknowledge", 60),
    about("other", "Trigger", 5, dedupKey="other"),
)


class Api:
    """A connection to an API server with some notifications, with or without the selectable field."""

    namespace = "shop"

    def __init__(self, *objects: dict[str, Any], selectable: bool = True) -> None:
        self._objects, self._selectable = objects, selectable
        self.selectors: list[str] = []

    async def get(self, path: str, query: Mapping[str, Any]) -> dict[str, Any]:
        assert path.endswith("/namespaces/shop/notificationrequests")
        selector = query.get("fieldSelector", "")
        self.selectors.append(selector)
        if selector and not self._selectable:
            raise ApiError("older", status=400, unselectable=True)
        return {"metadata": {}, "items": list(self._objects)}


async def shown(api: Api, *, key: str = KEY, output: Output = Output.TABLE, width: int = 0) -> str:
    connection = cast("Connection", api)
    target, file = screen(width)
    session = Session(
        connection=connection,
        notifications=Notifications(connection),
        receivers=Receivers(connection),
        sources=Sources(connection),
        screen=target,
        clock=lambda: NOW,
    )
    assert await ShowingIncident(key=key, output=output).run(session) == 0
    return file.getvalue()


async def test_incident_shows_its_events_in_order_with_their_targets() -> None:
    api = Api(*INCIDENT)
    assert (await shown(api)).splitlines() == [
        "checkout/eu,west  resolved",
        "UTC                   EVENT         NAME        PHASE     TARGET              STATE        DETAIL",
        "2026-03-01 12:00:00   Trigger       b-trigger   Sent      slack/team          Delivered    message C1/1",
        "                                                          pagerduty/on-call   Refused      403\N{REPLACEMENT CHARACTER}[2J",
        "2026-03-01 12:01:00   Acknowledge   c-ack       Pending   -                   -            -",
        "2026-03-01 12:02:00   Resolve       a-resolve   Sent      slack/team          Delivered    message C1/2",
        "                                                          pagerduty/on-call   Suppressed   suppressed: Muted",
    ]
    assert api.selectors == ["spec.dedupKey=checkout/eu\\,west"]


async def test_incident_with_an_older_crd_is_selected_by_the_client() -> None:
    api = Api(*INCIDENT, selectable=False)
    names = await shown(api, output=Output.NAME)
    assert [line.partition("/")[2] for line in names.splitlines()] == ["b-trigger", "c-ack", "a-resolve"]
    assert api.selectors == ["spec.dedupKey=checkout/eu\\,west", ""]


async def test_incident_as_json_has_events_with_targets() -> None:
    document = json.loads(await shown(Api(*INCIDENT), output=Output.JSON))
    assert (document["key"], document["namespace"], document["state"]) == (KEY, "shop", "resolved")
    first = document["events"][0]
    assert (first["event"], first["name"], first["subject"]) == ("Trigger", "b-trigger", "About b-trigger")
    assert first["targets"][0] == {"name": "slack/team", "state": "Delivered", "detail": "message C1/1"}


async def test_incident_fits_a_narrow_terminal() -> None:
    lines = (await shown(Api(*INCIDENT), width=60)).splitlines()
    assert max(map(len, lines)) <= 60
    assert all(title in lines[1] for title in ("EVENT", "TARGET", "STATE"))


@pytest.mark.parametrize(
    ("events", "state"), [(["Trigger"], "open"), (["Trigger", "Acknowledge"], "acknowledged")]
)
async def test_incident_has_the_state_of_its_youngest_event(events: list[str], state: str) -> None:
    objects = [about(event.lower(), event, number) for number, event in enumerate(events)]
    assert (await shown(Api(*objects))).startswith(f"{KEY}  {state}\n")


async def test_incident_is_found_by_the_only_key_that_begins_so() -> None:
    assert (await shown(Api(*INCIDENT), key="check")).startswith(f"{KEY}  resolved\n")
    more = about("more", "Trigger", 7, dedupKey="checkout/us")
    told = "^2 incidents begin with 'check': checkout/eu,west, checkout/us; write more of KEY$"
    with pytest.raises(CliError, match=told):
        await shown(Api(*INCIDENT, more), key="check")


async def test_incident_that_does_not_exist_is_one_line() -> None:
    with pytest.raises(
        CliError, match=r"^there is no notification about incident 'checkout/eu,west' in namespace shop$"
    ):
        await shown(Api(INCIDENT[-1]))


def test_events_of_the_same_second_are_in_the_order_of_an_incident() -> None:
    events = [about(event, event, 0) for event in ("Resolve", "Acknowledge", "Trigger")]
    assert [each.event for each in events_of(events, KEY)] == ["Trigger", "Acknowledge", "Resolve"]
