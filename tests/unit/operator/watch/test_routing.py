"""The routing document over a real list and watch: each change takes effect as a whole, problems are reported."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from atomic_status import ObjectRef
from notification_domain.routing import RoutingReason
from notification_operator.watch import routing as module
from notification_operator.watch.routing import RoutingConfig, config_map_watch
from notification_runtime.kube import collection_watch
from tests.unit.operator.domain.builders import notification
from tests.unit.operator.kube_api import KubeApi, refusal, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from kubernetes.aio.client import ApiClient

    from notification_contract.routing.table import RoutingTable

KEY = "routing.yaml"
PAUSE = 0.05
LEAST_SHARE = collection_watch.LEAST_SHARE
ROUTED = notification()


def document(channel: str) -> dict[str, str]:
    return {KEY: f"route: {{receiver: all}}\nreceivers: [{{name: all, channels: [{channel}]}}]"}


INVALID = {KEY: "route: {receiver: nobody}\nreceivers: [{name: all}]"}


class RoutingFixture:
    """A routing configuration that runs, and what it reported."""

    def __init__(self, client: ApiClient) -> None:
        self.known = 0
        self.refused: list[tuple[str, tuple[str, ...]]] = []
        self.ignored: list[tuple[str, ...]] = []
        self.registry = CollectorRegistry()
        self.watch = config_map_watch(client, ObjectRef(namespace="own", name="rules"))
        self.config = RoutingConfig(
            self.watch,
            KEY,
            refused=self._refuse,
            ignored=lambda _config_map, keys: self.ignored.append(keys),
            refusals=Counter("refusals", "Refusals.", registry=self.registry),
        )

    def _know(self) -> None:
        self.known += 1

    def _refuse(self, config_map: Mapping[str, Any], problems: tuple[str, ...]) -> None:
        self.refused.append((config_map["metadata"]["uid"], problems))

    @property
    def channels(self) -> tuple[str, ...]:
        return self.config.state.route(ROUTED).targets

    @property
    def reason(self) -> RoutingReason | None:
        return self.config.state.route(ROUTED).reason

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.config.run(on_known=self._know))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def generation(self, number: int) -> None:
        await until(lambda: self.config.state.generation == number, f"generation {number}")


@pytest.fixture
def routing(client: ApiClient, monkeypatch: pytest.MonkeyPatch) -> RoutingFixture:
    monkeypatch.setattr(collection_watch, "FIRST_DELAY", PAUSE)
    return RoutingFixture(client)


async def test_rules_are_unknown_before_the_first_listing(routing: RoutingFixture, api: KubeApi) -> None:
    api.put(document("slack"))
    api.open.clear()
    async with routing.at_work():
        await until(lambda: api.requests)
        assert (routing.config.known, routing.known) == (False, 0)
        api.open.set()
        await until(lambda: routing.config.known)
        assert (routing.known, routing.channels) == (1, ("slack",))
        assert (routing.config.state.loaded, routing.config.state.generation) == (True, 1)


async def test_missing_config_map_means_the_fallback_channel(routing: RoutingFixture) -> None:
    async with routing.at_work():
        await until(lambda: routing.config.known)
        assert (routing.channels, routing.reason) == (("console",), RoutingReason.FALLBACK)
        assert (routing.config.state.loaded, routing.config.state.generation) == (False, 0)


async def test_only_the_one_config_map_is_requested(routing: RoutingFixture, api: KubeApi) -> None:
    async with routing.at_work():
        await until(lambda: api.watches)
    assert {query["fieldSelector"] for _, _, query in api.requests} == {"metadata.name=rules"}
    assert {path for _, path, _ in api.requests} == {"/api/v1/namespaces/own/configmaps"}


async def test_new_document_takes_effect_during_the_watch(routing: RoutingFixture, api: KubeApi) -> None:
    async with routing.at_work():
        await until(lambda: api.watches)
        api.put(document("slack"))
        await routing.generation(1)
        assert routing.channels == ("slack",)
        api.put(document("email"))
        await routing.generation(2)
        assert routing.channels == ("email",)
        assert (api.lists, routing.known) == (1, 1)


async def test_deletion_restores_the_fallback_channel(routing: RoutingFixture, api: KubeApi) -> None:
    api.put(document("slack"))
    async with routing.at_work():
        await until(lambda: api.watches)
        api.remove()
        await routing.generation(2)
        assert (routing.channels, routing.reason) == (("console",), RoutingReason.FALLBACK)
        assert not routing.config.state.loaded


async def test_invalid_document_keeps_the_last_valid_one_and_is_reported_once(
    routing: RoutingFixture, api: KubeApi
) -> None:
    api.put(document("slack"))
    uid = api.config_maps["own", "rules"]["metadata"]["uid"]
    with structlog.testing.capture_logs() as logs:
        async with routing.at_work():
            await until(lambda: api.watches)
            api.put(INVALID)
            await routing.generation(2)
            assert (routing.channels, routing.config.state.loaded) == (("slack",), False)
            api.put({**INVALID, "another": "key"})
            api.put(document("email"))
            await routing.generation(3)
    ((refused_uid, problems),) = routing.refused
    assert refused_uid == uid
    assert "unknown receiver 'nobody'" in problems[0]
    assert routing.registry.get_sample_value("refusals_total") == 1
    (line,) = [log for log in logs if log["event"] == "routing document refused"]
    assert line["problems"] == problems
    assert (routing.channels, routing.config.state.loaded) == (("email",), True)


async def test_initially_invalid_document_shows_in_the_reason_of_the_route(
    routing: RoutingFixture, api: KubeApi
) -> None:
    api.put(INVALID)
    async with routing.at_work():
        await until(lambda: routing.config.known)
    assert (routing.channels, routing.reason) == (("console",), RoutingReason.FAILED)
    assert "unknown receiver 'nobody'" in routing.config.state.route(ROUTED).message


async def test_invalid_document_after_a_deletion_does_not_restore_the_old_one(
    routing: RoutingFixture, api: KubeApi
) -> None:
    api.put(document("slack"))
    async with routing.at_work():
        await until(lambda: api.watches)
        api.remove()
        api.put(INVALID)
        await routing.generation(3)
    assert (routing.channels, routing.reason) == (("console",), RoutingReason.FAILED)


@pytest.mark.parametrize("data", [{}, {"rules.yaml": document("slack")[KEY]}])
async def test_config_map_without_the_key_is_an_invalid_document(
    routing: RoutingFixture, api: KubeApi, data: dict[str, str]
) -> None:
    api.put(data)
    async with routing.at_work():
        await until(lambda: routing.config.known)
    ((_, problems),) = routing.refused
    assert problems == ("the ConfigMap has no key routing.yaml; put the document under it",)


async def test_document_with_a_number_that_cannot_be_shown_is_refused(
    routing: RoutingFixture, api: KubeApi
) -> None:
    api.put({KEY: f"route: 0x{'f' * 6_000}"})
    async with routing.at_work():
        await until(lambda: routing.refused)
        api.put(document("slack"))
        await until(lambda: routing.channels == ("slack",))


async def test_keys_without_effect_are_reported_and_the_rules_hold(
    routing: RoutingFixture, api: KubeApi
) -> None:
    api.put({KEY: "route: {receiver: a, group_by: [x]}\nreceivers: [{name: a, channels: [slack]}]"})
    async with routing.at_work():
        await until(lambda: routing.ignored)
        assert routing.channels == ("slack",)
        ((key,),) = routing.ignored
        assert key.startswith("route.group_by: has no effect")


async def test_unexpected_error_of_a_document_is_a_problem_of_that_document(
    routing: RoutingFixture, api: KubeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(text: str) -> RoutingTable:
        raise ZeroDivisionError(text)

    api.put(document("slack"))
    async with routing.at_work():
        await until(lambda: api.watches)
        with monkeypatch.context() as patch:
            patch.setattr(module, "read_table", fail)
            api.put(INVALID)
            await routing.generation(2)
        ((_, (problem,)),) = routing.refused
        assert "ZeroDivisionError" in problem
        assert routing.channels == ("slack",)
        api.put(document("email"))
        await routing.generation(3)


async def test_failure_to_report_a_refused_document_does_not_end_the_watch(
    routing: RoutingFixture, api: KubeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(routing, "refused")
    api.put(INVALID)
    async with routing.at_work():
        await routing.generation(1)
        api.put(document("email"))
        await routing.generation(2)


async def test_listing_of_another_shape_is_reported_and_retried(
    routing: RoutingFixture, api: KubeApi
) -> None:
    bodies: list[Any] = [[], None, {"items": None}, {"items": []}]
    api.refusals = [web.json_response(body) for body in bodies]
    async with routing.at_work():
        await until(lambda: len(api.requests) >= 2)
        assert routing.config.error.startswith("unexpected response: ")
        api.refusals = []
        await until(lambda: routing.config.known)


async def test_thousands_of_failures_do_not_end_the_watch(
    routing: RoutingFixture, api: KubeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection_watch, "FIRST_DELAY", 0.0)
    routing.watch.failures = 2_000
    api.refusals = [refusal(503, "down")]
    async with routing.at_work():
        await until(lambda: len(api.requests) >= 3)
        api.refusals = []
        await until(lambda: routing.config.known)


async def test_change_between_two_watches_is_seen_by_the_next_one(
    routing: RoutingFixture, api: KubeApi
) -> None:
    api.put(document("slack"))
    async with routing.at_work():
        await until(lambda: api.watches)
        api.open.clear()
        api.cut()
        await until(lambda: not api.watches)
        api.put(document("email"))
        api.open.set()
        await routing.generation(2)
        assert routing.channels == ("email",)


async def test_expired_version_during_a_watch_causes_a_new_listing(
    routing: RoutingFixture, api: KubeApi
) -> None:
    api.put(document("slack"))
    with structlog.testing.capture_logs() as logs:
        async with routing.at_work():
            await until(lambda: api.watches)
            api.expire_watches()
            await until(lambda: api.lists == 2 and api.watches)
            api.put(document("email"))
            await routing.generation(2)
    assert routing.config.error == ""
    assert not [log for log in logs if log["log_level"] == "warning"]


async def test_watch_from_an_expired_version_is_refused_and_restarts(
    routing: RoutingFixture, api: KubeApi
) -> None:
    async with routing.at_work():
        await until(lambda: api.watches)
        api.forgotten = api.version + 1
        api.cut()
        await until(lambda: api.lists == 3)
        api.put(document("slack"))
        await until(lambda: routing.channels == ("slack",))


async def test_refused_listing_names_the_missing_permission(routing: RoutingFixture, api: KubeApi) -> None:
    message = 'configmaps is forbidden: User "operator" cannot list resource "configmaps"'
    api.refusals = [refusal(403, message)]
    with structlog.testing.capture_logs() as logs:
        async with routing.at_work():
            await until(lambda: len(api.requests) == 3)
            assert not routing.config.known
            assert routing.config.error == f"403 {message}"
            api.refusals = []
            await until(lambda: routing.config.known and not routing.config.error)
    (line,) = [log for log in logs if log["event"] == "cannot list or watch; retrying"]
    assert (
        line["hint"]
        == "allow the operator's service account to list and watch ConfigMap rules in namespace own"
    )


async def test_pauses_grow_while_the_api_server_fails(routing: RoutingFixture, api: KubeApi) -> None:
    api.refusals = [refusal(500, "down")]
    async with routing.at_work():
        await until(lambda: len(api.requests) == 5)
    pauses = [later - earlier for earlier, later in itertools.pairwise(api.times)]
    assert all(pause >= LEAST_SHARE * PAUSE * 2**number for number, pause in enumerate(pauses))


async def test_successful_listing_does_not_shorten_the_pauses_of_a_failing_watch(
    routing: RoutingFixture, api: KubeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "_watch", _refuse_the_watch)
    async with routing.at_work():
        await until(lambda: api.lists == 4)
    lists = [at for at, (_, _, query) in zip(api.times, api.requests, strict=True) if "watch" not in query]
    pauses = [later - earlier for earlier, later in itertools.pairwise(lists)]
    assert all(pause >= LEAST_SHARE * PAUSE * 2**number for number, pause in enumerate(pauses))
    assert routing.config.known
    assert routing.config.error == "403 no watching"


async def _refuse_the_watch(*_: Any) -> Any:
    return refusal(403, "no watching")


async def test_answer_of_another_server_is_reported_and_the_request_retried(
    routing: RoutingFixture, api: KubeApi
) -> None:
    api.refusals = [
        refusal(404, "the server could not find the requested resource"),
        type(refusal(502, ""))(status=502, body=b"<html>"),
        type(refusal(200, ""))(status=200, body=b"<html>"),
        refusal(503, "starting"),
    ]
    with structlog.testing.capture_logs() as logs:
        async with routing.at_work():
            await until(lambda: len(api.requests) == 4)
            api.refusals = []
            await until(lambda: routing.config.known)
    troubles = [log["error"] for log in logs if log["event"] == "cannot list or watch; retrying"]
    assert troubles[0].startswith("404")
    assert troubles[1] == "502 Bad Gateway"
    assert "unexpected character" in troubles[2]
    assert troubles[3] == "503 starting"


def watch_requests(api: KubeApi) -> int:
    return sum("watch" in query for _, _, query in api.requests)


async def test_established_watch_is_logged_first_and_after_a_failure(
    routing: RoutingFixture, api: KubeApi
) -> None:
    with structlog.testing.capture_logs() as logs:

        def established() -> list[str]:
            return [log["collection"] for log in logs if log["event"] == "watch established"]

        async with routing.at_work():
            await until(lambda: api.watches)
            api.cut()
            await until(lambda: watch_requests(api) == 2 and api.watches)
            assert api.lists == 1
            api.refusals = [refusal(500, "down")]
            api.cut()
            await until(lambda: routing.config.error)
            assert len(established()) == 1
            api.refusals = []
            # The client hears of the watch later than the server has it.
            await until(lambda: len(established()) > 1)
    assert established() == ["ConfigMap rules in namespace own"] * 2
