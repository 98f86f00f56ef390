"""The controller of heartbeats: what it writes and creates, also when calls fail, and that each report exists once."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from atomic_status import ObjectRef, Unavailable
from atomic_status.testing import MemoryStore
from notification_contract import names
from notification_domain.heartbeats.beats import Beats
from notification_domain.json_values import format_time
from notification_domain.key import Key
from notification_operator.controller import heartbeats
from notification_operator.controller.heartbeats import HeartbeatController
from notification_runtime.kube.requests import KubeError
from notification_runtime.telemetry.metrics import Metrics
from tests.simulation.virtual_loop import run_virtually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence

START = datetime(2026, 11, 29, 8, tzinfo=UTC)
REF = ObjectRef(namespace="shop", name="backup")
DEADLINE = 70.0
QUOTA = KubeError(status=403, reason="exceeded quota")
EXISTS = KubeError(status=409, reason='notificationrequests "x" already exists')


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def time() -> float:
    return asyncio.get_running_loop().time()


class Stage:
    """A source that sent its last beat at the start, a gateway that is there, and the controller."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.store.create(
            {
                "metadata": {"namespace": "shop", "name": "backup"},
                "spec": {"type": "heartbeat", "heartbeat": {"every": "60s", "grace": "10s"}},
                "status": {"lastBeatTime": format_time(at(0))},
            }
        )
        self.created: dict[str, Mapping[str, Any]] = {}
        self.attempts: list[float] = []
        self.refuses: Callable[[Mapping[str, Any]], KubeError | None] = lambda _document: None
        self.away: list[tuple[float, float]] = []
        """Times in which the gateway is away."""
        self.unreachable: list[tuple[float, float]] = []
        """Times in which its Leases cannot be listed."""
        self.others: list[Beats] = []
        """Sources of which no beat is missed."""
        self.owns = True
        self.watches = True
        self._seen = self._parsed()
        self.metrics = Metrics()
        self.controller = HeartbeatController(
            store=self.store,
            leases=self._leases,
            create=self._create,
            sources=lambda: [*self.others, *(self._parsed() if self.watches else self._seen)],
            refresh=self._refresh,
            owns=lambda _key: self.owns,
            reported=self.metrics.heartbeats_reported,
            missing=self.metrics.heartbeats_missing,
            clock=lambda: at(time()),
            spread=float,
        )

    def beat(self, seconds: float) -> None:
        self.store.write_as_other(REF, lastBeatTime=format_time(at(seconds)))

    @property
    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.store.peek(REF)["status"]
        return status

    @property
    def reports(self) -> list[str]:
        return [name.rpartition("-")[0] for name in self.created]

    def count(self, report: str) -> float | None:
        return self.metrics.registry.get_sample_value(
            "kubernaut_notification_heartbeats_reported_total", {"report": report}
        )

    @property
    def missing(self) -> float | None:
        return self.metrics.registry.get_sample_value("kubernaut_notification_heartbeats_missing")

    def _parsed(self) -> Sequence[Beats]:
        found = Beats.parse(self.store.peek(REF)) if str(REF) in self.store.objects else None
        return [found] if found else []

    def _refresh(self, document: Mapping[str, Any]) -> None:
        found = Beats.parse(document)
        self._seen = [found] if found else []

    async def _leases(self) -> Sequence[Mapping[str, Any]]:
        if any(start <= time() < end for start, end in self.unreachable):
            raise KubeError(status=None, reason="no answer")
        returned = max((end for _, end in self.away if end <= time()), default=0.0)
        gone = next((start for start, end in self.away if start <= time() < end), None)
        renewed = time() // 2 * 2 if gone is None else gone
        return [
            {
                "metadata": {
                    "name": "gateway-0-presence",
                    "labels": dict(names.GATEWAY_PRESENCE_LABELS),
                    "annotations": {names.PRESENT_SINCE_ANNOTATION: format_time(at(returned))},
                    "resourceVersion": str(renewed),
                },
                "spec": {"renewTime": format_time(at(renewed)), "leaseDurationSeconds": 15},
            }
        ]

    async def _create(self, document: Mapping[str, Any]) -> None:
        self.attempts.append(time())
        error = self.refuses(document)
        if error is not None:
            raise error
        name = document["metadata"]["name"]
        if name in self.created:
            raise EXISTS
        self.created[name] = document


@contextlib.asynccontextmanager
async def working(stage: Stage) -> AsyncIterator[None]:
    task = asyncio.get_running_loop().create_task(stage.controller.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def virtually(test: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    """Run a test with the controller on a virtual clock that begins at the last beat."""

    async def run() -> None:
        stage = Stage()
        async with working(stage):
            await test(stage)

    run_virtually(run())


def test_missing_beat_is_reported_within_its_grace_and_five_seconds() -> None:
    async def check(stage: Stage) -> None:
        await asyncio.sleep(DEADLINE)
        assert stage.created == {}
        await asyncio.sleep(5)
        assert stage.reports == ["missed"]
        assert stage.status["missedBeatTime"] == stage.status["lastBeatTime"]
        await asyncio.sleep(2)
        assert (stage.missing, stage.count("missed"), stage.count("back")) == (1.0, 1.0, 0.0)
        await asyncio.sleep(300)
        assert len(stage.attempts) == 1
        assert len(stage.store.calls) == 2, "one read, one write"

    virtually(check)


def test_return_of_beats_is_reported_once_and_ends_the_mark() -> None:
    async def check(stage: Stage) -> None:
        await asyncio.sleep(DEADLINE + 5)
        stage.beat(80)
        await asyncio.sleep(2)
        assert stage.reports == ["missed", "back"]
        assert "missedBeatTime" not in stage.status
        await asyncio.sleep(20)
        assert (len(stage.attempts), stage.missing, stage.count("back")) == (2, 0.0, 1.0)
        await asyncio.sleep(80)
        assert stage.reports == ["missed", "back", "missed"]

    virtually(check)


def test_beat_that_the_watch_has_not_shown_yet_is_found_by_the_fresh_read() -> None:
    async def check(stage: Stage) -> None:
        stage.watches = False
        stage.beat(60)
        await asyncio.sleep(DEADLINE + 30)
        assert stage.created == {}
        assert stage.store.calls == [("GET", str(REF))], "what was read is not read again every second"

    virtually(check)


def test_replica_that_does_not_own_the_source_reports_nothing() -> None:
    async def check(stage: Stage) -> None:
        stage.owns = False
        await asyncio.sleep(DEADLINE + 100)
        assert (stage.created, stage.store.calls) == ({}, [])
        stage.owns = True
        await asyncio.sleep(3)
        assert stage.reports == ["missed"]

    virtually(check)


def test_report_that_was_interrupted_after_the_mark_is_completed() -> None:
    async def check(stage: Stage) -> None:
        await asyncio.sleep(DEADLINE + 5)
        stage.store.write_as_other(REF, missedBeatTime=format_time(at(0)))
        await asyncio.sleep(4)
        assert stage.reports == ["missed"]
        stage.beat(90)
        await asyncio.sleep(4)
        assert stage.reports == ["missed", "back"]

    async def interrupted() -> None:
        stage = Stage()
        stage.store.write_as_other(REF, missedBeatTime=format_time(at(0)))
        async with working(stage):
            await check(stage)

    run_virtually(interrupted())


def test_beat_that_returns_before_its_report_has_both_reports() -> None:
    async def interrupted() -> None:
        stage = Stage()
        stage.store.write_as_other(REF, missedBeatTime=format_time(at(0)), lastBeatTime=format_time(at(75)))
        async with working(stage):
            await asyncio.sleep(DEADLINE + 10)
        assert stage.reports == ["missed", "back"]

    run_virtually(interrupted())


def test_creation_that_fails_is_retried_at_growing_intervals() -> None:
    async def check(stage: Stage) -> None:
        stage.refuses = lambda _document: KubeError(status=422, reason="refused by a policy")
        await asyncio.sleep(DEADLINE + 120)
        assert 8 < len(stage.attempts) < 20
        stage.refuses = lambda _document: None
        await asyncio.sleep(31)
        assert stage.reports == ["missed"]

    virtually(check)


def test_conflict_with_anything_but_the_same_name_is_retried() -> None:
    async def check(stage: Stage) -> None:
        stage.refuses = lambda _document: KubeError(
            status=409, reason="resourcequotas: the object has been modified"
        )
        await asyncio.sleep(DEADLINE + 5)
        stage.refuses = lambda _document: None
        await asyncio.sleep(10)
        assert stage.reports == ["missed"]
        assert len(stage.attempts) > 1

    virtually(check)


def test_mark_whose_write_got_no_answer_is_written_once() -> None:
    async def check(stage: Stage) -> None:
        stage.store.fail_next("PUT", Unavailable(REF, reason="lost"), applied=True)
        await asyncio.sleep(DEADLINE + 6)
        assert stage.reports == ["missed"]
        assert [verb for verb, _ in stage.store.calls] == ["GET", "PUT", "GET"]

    virtually(check)


def test_source_that_is_deleted_meanwhile_is_forgotten() -> None:
    async def check(stage: Stage) -> None:
        stage.watches = False
        stage.store.delete(REF)
        await asyncio.sleep(DEADLINE + 20)
        assert stage.created == {}

    virtually(check)


def test_deleted_source_whose_beat_is_missing_is_forgotten() -> None:
    async def check(stage: Stage) -> None:
        await asyncio.sleep(DEADLINE + 5)
        assert stage.reports == ["missed"]
        stage.store.delete(REF)
        await asyncio.sleep(2)
        assert not stage.controller._done  # noqa: SLF001 - a later source has another uid

    virtually(check)


def test_one_notice_says_that_the_gateway_is_away_and_nothing_is_missing() -> None:
    async def check(stage: Stage) -> None:
        stage.away = [(40.0, 100.0)]
        await asyncio.sleep(54)
        assert stage.created == {}, "the Lease is still valid"
        await asyncio.sleep(4)
        assert stage.reports == ["missed-all"]
        await asyncio.sleep(100 + DEADLINE - 58)
        assert stage.reports == ["missed-all"]
        await asyncio.sleep(5)
        assert stage.reports == ["missed-all", "missed"]
        assert len(stage.attempts) == 2

    virtually(check)


def test_sources_of_a_namespace_decide_on_its_notice() -> None:
    async def check(stage: Stage) -> None:
        stage.others = [
            Beats(key=Key(namespace, "s", namespace), every=1e6, grace=grace, last=at(0), missed=None)
            for namespace, grace in {"home": 300.0, "bank": 5.0}.items()
        ]
        stage.refuses = lambda document: QUOTA if document["metadata"]["namespace"] == "bank" else None
        stage.away = [(40.0, 100.0)]
        await asyncio.sleep(95)
        (notice,) = stage.created.values()
        assert notice["metadata"]["namespace"] == "shop"
        assert "Heartbeats of 1 sources of namespace shop" in notice["spec"]["body"]

    virtually(check)


def test_api_server_that_was_away_is_noticed_when_it_is_back() -> None:
    async def check(stage: Stage) -> None:
        stage.away = [(40.0, 100.0)]
        stage.unreachable = [(39.0, 101.0)]
        await asyncio.sleep(100)
        assert stage.created == {}
        await asyncio.sleep(5)
        assert stage.reports == ["missed-all"]

    virtually(check)


def test_notice_that_cannot_be_created_is_created_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "FORGOTTEN_AFTER", 200.0)

    async def check(stage: Stage) -> None:
        stage.away = [(40.0, 100.0)]
        stage.refuses = lambda _document: KubeError(status=503, reason="away")
        with capture_logs() as logs:
            await asyncio.sleep(110)
        assert 3 < len(stage.attempts) < 15
        assert [each["event"] for each in logs] == ["absence of the gateway not reported; retrying"]
        stage.refuses = lambda _document: None
        await asyncio.sleep(31)
        assert stage.reports == ["missed-all"]
        await asyncio.sleep(200)
        assert stage.reports.count("missed-all") == 1

    virtually(check)


@pytest.mark.parametrize("seconds", [3, 14])
def test_short_absence_is_no_notice(seconds: float) -> None:
    async def check(stage: Stage) -> None:
        stage.away = [(20.0, 20.0 + seconds)]
        await asyncio.sleep(60)
        assert stage.created == {}

    virtually(check)


def test_nothing_is_watched_without_a_beat() -> None:
    async def silent() -> None:
        stage = Stage()
        stage.store.write_status(REF, {})
        async with working(stage):
            await asyncio.sleep(1000)
        assert (stage.created, stage.store.calls) == ({}, [])

    run_virtually(silent())
