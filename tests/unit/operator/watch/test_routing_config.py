"""The routing document over a real list and watch: each change takes effect as a whole, trouble is told."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from prometheus_client import CollectorRegistry, Counter

from atomic_status import ObjectRef
from notification_operator.domain.routing.route import RoutingReason
from notification_operator.watch import config_map as config_map_watch
from notification_operator.watch.config_map import ConfigMapWatch
from notification_operator.watch.routing_config import RoutingSource
from tests.unit.operator.domain.builders import notification
from tests.unit.operator.kube_api import KubeApi, refusal, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from kubernetes.aio.client import ApiClient

KEY = "routing.yaml"
PAUSE = 0.05
ROUTED = notification()


def document(channel: str) -> dict[str, str]:
    return {KEY: f"route: {{receiver: all}}\nreceivers: [{{name: all, channels: [{channel}]}}]"}


BROKEN = {KEY: "route: {receiver: nobody}\nreceivers: [{name: all}]"}


class Bench:
    """A source at work, and what it told."""

    def __init__(self, client: ApiClient) -> None:
        self.known = 0
        self.refused: list[tuple[str, tuple[str, ...]]] = []
        self.refusals = Counter("refusals", "Refusals.", registry=CollectorRegistry())
        self.source = RoutingSource(
            ConfigMapWatch(client, ObjectRef(namespace="own", name="rules")),
            KEY,
            known=self._know,
            refused=self._refuse,
            refusals=self.refusals,
        )

    def _know(self) -> None:
        self.known += 1

    def _refuse(self, config_map: Mapping[str, Any], problems: tuple[str, ...]) -> None:
        self.refused.append((config_map["metadata"]["uid"], problems))

    @property
    def channels(self) -> tuple[str, ...]:
        return self.source.state.route(ROUTED).channels

    @property
    def reason(self) -> RoutingReason | None:
        return self.source.state.route(ROUTED).reason

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.source.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def generation(self, number: int) -> None:
        await until(lambda: self.source.state.generation == number, f"generation {number}")


@pytest.fixture
def bench(client: ApiClient, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(config_map_watch, "FIRST_PAUSE", PAUSE)
    return Bench(client)


async def test_nothing_is_known_before_the_first_listing_has_answered(bench: Bench, api: KubeApi) -> None:
    api.put(document("slack"))
    api.open.clear()
    async with bench.at_work():
        await until(lambda: api.requests)
        assert (bench.source.known, bench.known) == (False, 0)
        api.open.set()
        await until(lambda: bench.source.known)
        assert (bench.known, bench.channels) == (1, ("slack",))
        assert (bench.source.state.loaded, bench.source.state.generation) == (True, 1)


async def test_without_a_config_map_the_fallback_is_known_to_apply(bench: Bench) -> None:
    async with bench.at_work():
        await until(lambda: bench.source.known)
        assert (bench.channels, bench.reason) == (("console",), RoutingReason.FALLBACK)
        assert (bench.source.state.loaded, bench.source.state.generation) == (False, 0)


async def test_only_the_one_config_map_is_asked_for(bench: Bench, api: KubeApi) -> None:
    async with bench.at_work():
        await until(lambda: api.watches)
    assert {query["fieldSelector"] for _, _, query in api.requests} == {"metadata.name=rules"}
    assert {path for _, path, _ in api.requests} == {"/api/v1/namespaces/own/configmaps"}


async def test_a_new_document_takes_effect_while_the_watch_stands(bench: Bench, api: KubeApi) -> None:
    async with bench.at_work():
        await until(lambda: api.watches)
        api.put(document("slack"))
        await bench.generation(1)
        assert bench.channels == ("slack",)
        api.put(document("email"))
        await bench.generation(2)
        assert bench.channels == ("email",)
        assert (api.lists, bench.known) == (1, 1)


async def test_the_deletion_brings_the_fallback_back(bench: Bench, api: KubeApi) -> None:
    api.put(document("slack"))
    async with bench.at_work():
        await until(lambda: api.watches)
        api.remove()
        await bench.generation(2)
        assert (bench.channels, bench.reason) == (("console",), RoutingReason.FALLBACK)
        assert not bench.source.state.loaded


async def test_a_broken_document_keeps_the_last_good_one_and_is_told_once(bench: Bench, api: KubeApi) -> None:
    api.put(document("slack"))
    uid = api.config_maps["own", "rules"]["metadata"]["uid"]
    with structlog.testing.capture_logs() as logs:
        async with bench.at_work():
            await until(lambda: api.watches)
            api.put(BROKEN)
            await bench.generation(2)
            assert (bench.channels, bench.source.state.loaded) == (("slack",), False)
            api.put({**BROKEN, "another": "key"})
            api.put(document("email"))
            await bench.generation(3)
    ((told, problems),) = bench.refused
    assert told == uid
    assert "unknown receiver 'nobody'" in problems[0]
    assert bench.refusals._value.get() == 1
    (line,) = [log for log in logs if log["event"] == "routing document refused"]
    assert line["problems"] == problems
    assert (bench.channels, bench.source.state.loaded) == (("email",), True)


async def test_a_document_that_is_broken_from_the_start_is_said_in_the_reason_of_the_route(
    bench: Bench, api: KubeApi
) -> None:
    api.put(BROKEN)
    async with bench.at_work():
        await until(lambda: bench.source.known)
    assert (bench.channels, bench.reason) == (("console",), RoutingReason.FAILED)
    assert "unknown receiver 'nobody'" in bench.source.state.route(ROUTED).message


async def test_a_document_that_is_broken_after_a_deletion_does_not_revive_the_old_one(
    bench: Bench, api: KubeApi
) -> None:
    api.put(document("slack"))
    async with bench.at_work():
        await until(lambda: api.watches)
        api.remove()
        api.put(BROKEN)
        await bench.generation(3)
    assert (bench.channels, bench.reason) == (("console",), RoutingReason.FAILED)


@pytest.mark.parametrize("data", [{}, {"rules.yaml": document("slack")[KEY]}])
async def test_a_config_map_without_the_key_is_a_document_that_cannot_be_used(
    bench: Bench, api: KubeApi, data: dict[str, str]
) -> None:
    api.put(data)
    async with bench.at_work():
        await until(lambda: bench.source.known)
    ((_, problems),) = bench.refused
    assert problems == ("the ConfigMap has no key routing.yaml; put the document under it",)


async def test_what_changed_while_no_watch_stood_is_seen_by_the_next_listing(
    bench: Bench, api: KubeApi
) -> None:
    api.put(document("slack"))
    async with bench.at_work():
        await until(lambda: api.watches)
        api.open.clear()
        api.cut()
        await until(lambda: not api.watches)
        api.put(document("email"))
        api.open.set()
        await bench.generation(2)
        assert bench.channels == ("email",)


async def test_a_version_that_the_api_server_forgot_is_left_for_a_new_listing(
    bench: Bench, api: KubeApi
) -> None:
    api.put(document("slack"))
    with structlog.testing.capture_logs() as logs:
        async with bench.at_work():
            await until(lambda: api.watches)
            api.expire_watches()
            await until(lambda: api.lists == 2 and api.watches)
            api.put(document("email"))
            await bench.generation(2)
    assert bench.source.trouble == ""
    assert not [log for log in logs if log["log_level"] == "warning"]


async def test_a_watch_from_a_forgotten_version_is_refused_and_starts_anew(
    bench: Bench, api: KubeApi
) -> None:
    async with bench.at_work():
        await until(lambda: api.watches)
        api.forgotten = api.version + 1
        api.cut()
        await until(lambda: api.lists == 3)
        api.put(document("slack"))
        await until(lambda: bench.channels == ("slack",))


async def test_a_refused_listing_says_what_to_grant_and_nothing_is_known(bench: Bench, api: KubeApi) -> None:
    message = 'configmaps is forbidden: User "operator" cannot list resource "configmaps"'
    api.refusals = [refusal(403, message)]
    with structlog.testing.capture_logs() as logs:
        async with bench.at_work():
            await until(lambda: len(api.requests) == 3)
            assert not bench.source.known
            assert bench.source.trouble == f"403 {message}"
            api.refusals = []
            await until(lambda: bench.source.known and not bench.source.trouble)
    (line,) = [log for log in logs if log["event"] == "cannot read ConfigMap; retrying"]
    assert line["hint"] == "allow the operator's service account to list and watch ConfigMap rules in own"


async def test_the_pauses_grow_while_the_api_server_fails(bench: Bench, api: KubeApi) -> None:
    api.refusals = [refusal(500, "down")]
    async with bench.at_work():
        await until(lambda: len(api.requests) == 5)
    pauses = [later - earlier for earlier, later in itertools.pairwise(api.times)]
    assert all(pause >= PAUSE * 2**number for number, pause in enumerate(pauses))


async def test_a_listing_that_works_does_not_shorten_the_pauses_of_a_watch_that_does_not(
    bench: Bench, api: KubeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "_watch", _refuse_the_watch)
    async with bench.at_work():
        await until(lambda: api.lists == 4)
    lists = [at for at, (_, _, query) in zip(api.times, api.requests, strict=True) if "watch" not in query]
    pauses = [later - earlier for earlier, later in itertools.pairwise(lists)]
    assert all(pause >= PAUSE * 2**number for number, pause in enumerate(pauses))
    assert bench.source.known
    assert bench.source.trouble == "403 no watching"


async def _refuse_the_watch(*_: Any) -> Any:
    return refusal(403, "no watching")


async def test_an_answer_that_is_no_api_server_s_is_said_and_asked_for_again(
    bench: Bench, api: KubeApi
) -> None:
    api.refusals = [
        refusal(404, "the server could not find the requested resource"),
        type(refusal(502, ""))(status=502, body=b"<html>"),
        type(refusal(200, ""))(status=200, body=b"<html>"),
        refusal(503, "starting"),
    ]
    with structlog.testing.capture_logs() as logs:
        async with bench.at_work():
            await until(lambda: len(api.requests) == 4)
            api.refusals = []
            await until(lambda: bench.source.known)
    troubles = [log["error"] for log in logs if log["event"] == "cannot read ConfigMap; retrying"]
    assert troubles[0].startswith("404")
    assert troubles[1] == "502 Bad Gateway"
    assert "unexpected character" in troubles[2]
    assert troubles[3] == "503 starting"


async def test_established_watch_is_logged_first_and_after_a_failure(bench: Bench, api: KubeApi) -> None:
    with structlog.testing.capture_logs() as logs:
        async with bench.at_work():
            await until(lambda: api.watches)
            api.cut()
            await until(lambda: api.lists == 2 and api.watches)
            api.refusals = [refusal(500, "down")]
            api.cut()
            await until(lambda: bench.source.trouble)
            api.refusals = []
            await until(lambda: api.watches)
    established = [log for log in logs if log["event"] == "watch established"]
    assert [log["config_map"] for log in established] == ["own/rules", "own/rules"]
