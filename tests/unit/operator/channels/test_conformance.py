"""The contract of a channel, checked for each of them; a new channel adds itself to the table."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from notification_contract.kinds.choices import AttemptStatus
from notification_contract.settings import Channels
from notification_domain.flow_control.breaker import Limits
from notification_domain.model import Attempt
from notification_domain.planning.plan import Send
from notification_operator.endpoints.builder import channels
from notification_operator.endpoints.refusals import BUILT_IN
from notification_runtime.channels.console import ConsoleChannel
from notification_runtime.channels.file import FileChannel
from notification_runtime.channels.log import LogChannel
from notification_runtime.channels.slack_webhook import SlackWebhookChannel
from notification_runtime.delivery.channel import Channel, Message
from tests.unit.operator.channels.test_channels import message
from tests.unit.operator.delivery.receiving import HttpServer
from tests.unit.operator.endpoints.calls import endpoints_of, make_attempt


@dataclass(frozen=True, kw_only=True)
class Case:
    """One channel: how to create it, and how to make it fail temporarily."""

    make: Callable[[Path, HttpServer], Channel]
    spoil: Callable[[Path, HttpServer], object] | None = None
    leaves_the_process: bool = False


CASES = {
    "console": Case(make=lambda _folder, _server: ConsoleChannel()),
    "file": Case(
        make=lambda folder, _server: FileChannel(folder / "notifications"),
        spoil=lambda folder, _server: (folder / "notifications").write_text("not a directory"),
    ),
    "log": Case(make=lambda _folder, _server: LogChannel()),
    "slack": Case(
        make=lambda _folder, server: SlackWebhookChannel.of_settings(server.url, connections=10),
        spoil=lambda _folder, server: server.add_response(503, "busy"),
        leaves_the_process=True,
    ),
}


@pytest.fixture(params=CASES)
def name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def channel(name: str, tmp_path: Path, server: HttpServer) -> AsyncIterator[Channel]:
    result = CASES[name].make(tmp_path, server)
    yield result
    await result.close()


async def attempt(channel: Channel, sent: Message) -> Attempt:
    endpoints = endpoints_of({"it": channel}, limits=Limits())
    return await make_attempt(endpoints, Send(channel="it", number=1, id=sent.id), sent)


def test_table_holds_every_built_in_channel(tmp_path: Path) -> None:
    enabled: dict[str, Any] = {name: {"enabled": True} for name in CASES}
    enabled["file"]["directory"] = tmp_path
    enabled["slack"]["webhook_url"] = "https://hooks.slack.com/services/x"
    assert set(channels(Channels.model_validate(enabled))) == set(CASES) == BUILT_IN
    assert set(Channels.model_fields) == {*CASES, "plugins"}


async def test_channel_delivers_any_text_up_to_256_kib(channel: Channel) -> None:
    for body in (
        "plain",
        '<b>&amp;</b> `rm -rf` "; DROP TABLE\\ \t\x07',
        "Заказ 📦 後で مرحبا 👩‍🚀",
        "x" * 256 * 1024,
    ):
        result = await attempt(channel, message(subject=body[:500], body=body))
        assert (result.status, result.error) == (AttemptStatus.SUCCESS, None)


async def test_channel_delivers_several_messages_at_once(channel: Channel) -> None:
    sent = [replace(message(), id=f"uid-{number}:it:1") for number in range(20)]
    result = await asyncio.gather(*(attempt(channel, one) for one in sent))
    assert {one.status for one in result} == {AttemptStatus.SUCCESS}


async def test_channel_delivers_a_message_of_the_longest_object_name(channel: Channel) -> None:
    assert (await attempt(channel, message("n" * 253))).succeeded


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.spoil], indirect=True)
async def test_temporary_obstacle_is_a_transient_failure(
    name: str, channel: Channel, tmp_path: Path, server: HttpServer
) -> None:
    spoil = CASES[name].spoil
    assert spoil is not None
    spoil(tmp_path, server)
    result = await attempt(channel, message())
    assert (result.status, result.permanent) == (AttemptStatus.FAILED, False)
    assert result.error


async def test_only_destinations_outside_the_process_have_a_circuit_breaker(
    name: str, channel: Channel
) -> None:
    assert (channel.destination_of(message()) is not None) == CASES[name].leaves_the_process


async def test_repr_shows_no_secret(channel: Channel) -> None:
    assert "secret" not in repr(channel)


async def test_second_close_does_nothing_and_no_resource_stays_open(channel: Channel) -> None:
    await attempt(channel, message())
    await channel.close()
    await channel.close()
    gc.collect()
