"""`notif redrive` while others change what it sends, and with notifications that the API server refuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from notification_cli.views.resending.replay import replay
from tests.unit.cli.api_server import ApiServer
from tests.unit.cli.samples import NOW
from tests.unit.operator.domain.builders import stored

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiohttp import web

    from tests.unit.cli.api_server import CommandLine

PLURAL = "notificationrequests"


@dataclass
class EventfulApiServer(ApiServer):
    """An API server on which others work, too."""

    events: dict[tuple[str, str], Callable[[], web.Response | None]] = field(default_factory=dict)
    """What happens before a request of a method whose path ends so; a response of it is that of the request."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        for (method, end), event in self.events.items():
            if request.method == method and request.path.endswith(end):
                response = event()
                if response is not None:
                    return response
        return await super().handle(request)

    def replays(self) -> list[dict[str, Any]]:
        return [obj for obj in self.objects.values() if "replayOf" in obj["spec"]]


@pytest.fixture
def server() -> EventfulApiServer:
    return EventfulApiServer()


def failed(
    name: str = "order", *, namespace: str = "shop", receivers: Sequence[str] = ("a",)
) -> dict[str, Any]:
    targets = [{"name": f"slack/{each}", "state": "Exhausted", "attempts": 5} for each in receivers]
    return stored(
        spec={"receiverRefs": [{"name": each} for each in receivers]},
        status={"phase": "Failed", "reason": "MaxRetriesExhausted", "targets": targets},
        metadata={"name": name, "namespace": namespace, "uid": f"uid-{namespace}-{name}"},
    )


async def test_notification_that_another_redrive_sends_meanwhile_is_skipped(
    server: EventfulApiServer, notif: CommandLine
) -> None:
    order = failed()
    server.add(PLURAL, order)
    theirs = dict(replay(order, nonce="theirs", now=NOW, batch="theirs").obj)
    server.events["GET", "/order"] = lambda: server.add(PLURAL, theirs)
    code, out, err = await notif("redrive", "--batch", "mine", "--yes")
    assert (code, server.replays()) == (0, [theirs]), err
    assert "shop/order  skipped: another redrive or replay has sent it meanwhile" in out
    assert "batch mine: 1 skipped" in err


async def test_targets_that_another_redrive_sends_to_meanwhile_are_left_out(
    server: EventfulApiServer, notif: CommandLine
) -> None:
    order = failed(receivers=("a", "b"))
    server.add(PLURAL, order)
    theirs = dict(replay(order, nonce="x", now=NOW, only=lambda key: key.name == "a").obj)
    server.events["GET", "/order"] = lambda: server.add(PLURAL, theirs)
    code, _, err = await notif("redrive", "--batch", "mine", "--yes")
    assert (code, "batch mine: 1 created" in err) == (0, True), err
    refs = [each["spec"]["receiverRefs"] for each in server.replays()]
    assert refs == [[{"name": "a"}], [{"name": "b"}]]
