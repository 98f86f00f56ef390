"""The second controller keeps what the decisions ask of every controller, one GET and one PUT above all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import yaml
from kubernetes.aio.client import ApiClient, Configuration

from atomic_status import KubeStatusStore, ObjectRef, Unavailable
from atomic_status.testing import CONFORMANCE, FAULT_CONFORMANCE, FaultCheck, MemoryHarness
from examples.second_controller import controller
from examples.second_controller.controller import CERTIFICATES, Controller
from tests.unit.examples.watchable_api import WatchableApi, kubeconfig
from tests.unit.operator.atomic_status.object_api import serving
from tests.unit.operator.kube_api import until
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from atomic_status import JsonObject

SPEC = {"notBefore": "2026-01-01T00:00:00Z", "notAfter": "2027-01-01T00:00:00Z", "warningDays": 30}
NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Bench(MemoryHarness):
    """A controller at work on a store in memory, at a time that the test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.controller = Controller(self.memory, clock=lambda: self.now)

    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.memory.calls]

    def valid(self, ref: ObjectRef) -> str | None:
        found = self.memory.peek(ref)["status"].get("conditions", ())
        return next((str(each["status"]) for each in found if each["type"] == "Valid"), None)

    async def certificate(self, **spec: object) -> ObjectRef:
        return await self.create("one", spec={**SPEC, **spec}, status={})


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.controller.close()


async def test_a_certificate_costs_one_get_and_one_put_and_its_echo_one_get(bench: Bench) -> None:
    ref = await bench.certificate()
    bench.controller.ring(ref)
    await until(lambda: bench.verbs() == ["GET", "PUT"])
    assert bench.valid(ref) == "True"
    bench.controller.ring(ref)
    await until(lambda: bench.verbs() == ["GET", "PUT", "GET"])


async def test_many_rings_at_once_are_one_pass(bench: Bench) -> None:
    ref = await bench.certificate()
    for _ in range(100):
        bench.controller.ring(ref)
    await until(lambda: bench.verbs() == ["GET", "PUT"])


async def test_a_conflict_decides_again_and_keeps_what_the_other_has_written(bench: Bench) -> None:
    ref = await bench.certificate()
    bench.memory.interfere_next(lambda: bench.memory.write_as_other(ref, serial=7))
    bench.controller.ring(ref)
    await until(lambda: bench.valid(ref) == "True")
    assert bench.memory.peek(ref)["status"]["serial"] == 7
    assert bench.verbs() == ["GET", "PUT", "GET", "PUT"]


async def test_it_comes_back_by_itself_when_time_changes_the_answer(bench: Bench) -> None:
    ref = await bench.certificate(notAfter="2026-06-01T00:00:01Z")
    bench.now = NOW + timedelta(seconds=0.95)
    bench.controller.ring(ref)
    await until(lambda: bench.valid(ref) == "True")
    bench.now = NOW + timedelta(seconds=1)
    await until(lambda: bench.valid(ref) == "False")
    assert bench.verbs() == ["GET", "PUT"] * 2


@pytest.mark.parametrize("applied", [False, True])
async def test_a_write_without_an_answer_is_made_again_after_the_pause_asked_for(
    bench: Bench, *, applied: bool
) -> None:
    ref = await bench.certificate()
    bench.memory.fail_next("PUT", Unavailable(ref, reason="down", retry_after=0.01), applied=applied)
    bench.controller.ring(ref)
    await until(lambda: bench.verbs() == ["GET", "PUT", "GET"] + ["PUT"] * (not applied))
    assert bench.valid(ref) == "True"


async def test_a_bug_in_a_pass_is_logged_and_does_not_end_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(controller, "PAUSE", 0.01)
    ref = await bench.certificate(notBefore="no date")
    bench.controller.ring(ref)
    await until(lambda: "a pass over examples/one broke" in caplog.text)
    bench.memory.write_spec(ref, SPEC)
    await until(lambda: bench.valid(ref) == "True")


async def test_a_deleted_certificate_leaves_nothing_behind(bench: Bench) -> None:
    ref = await bench.certificate()
    bench.controller.ring(ref)
    await until(lambda: bench.valid(ref) == "True")
    bench.memory.delete(ref)
    bench.controller.ring(ref)
    await until(lambda: not bench.controller._tasks)
    assert not bench.controller._bells


async def test_a_name_used_again_is_another_certificate(bench: Bench) -> None:
    first = await bench.certificate()
    bench.memory.delete(first)
    second = await bench.certificate()
    bench.controller.ring(first)
    await until(lambda: bench.verbs() == ["GET"] and not bench.controller._bells)
    assert bench.valid(second) is None
    bench.controller.ring(second)
    await until(lambda: bench.valid(second) == "True")


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[WatchableApi]:
    api = WatchableApi()
    async with serving(api), ApiClient(Configuration(host=api.url)) as client:
        api.store = KubeStatusStore(client, CERTIFICATES, timeout=5)
        yield api


@pytest.mark.parametrize("promise", [*CONFORMANCE, *FAULT_CONFORMANCE], ids=lambda promise: promise.__name__)
async def test_its_store_keeps_every_promise(promise: FaultCheck) -> None:
    async with served() as api:
        await promise(api)


async def test_kopf_runs_it_as_the_readme_says(tmp_path: Path) -> None:
    async with served() as api:
        early = await api.create("early", spec=SPEC, status={"foreign": True})
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, *command()],
            cwd=ROOT,
            env={**os.environ, "KUBECONFIG": str(kubeconfig(api, tmp_path))},
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(60):  # a process needs seconds to start on a busy machine
                await api.watched.wait()
            await until(lambda: api.calls == ["GET", "PUT", "GET"])
            assert set(api.memory.peek(early)["status"]) == {"foreign", "conditions"}
            late = await api.create("late", spec=SPEC, status={})
            await until(lambda: api.calls == ["GET", "PUT", "GET"] * 2)
            await api.delete(late)
            await until(lambda: api.calls == [*["GET", "PUT", "GET"] * 2, "GET"])
        finally:
            process.terminate()
            assert await process.wait() == 0
    assert api.methods == {"GET", "PUT"}


def command() -> list[str]:
    """Return the command of the README, without what makes the environment."""
    (line,) = (
        line
        for line in (ROOT / "examples/second_controller/README.md").read_text().splitlines()
        if "-m kopf" in line
    )
    return line.removeprefix("tools/with-env python ").split()


def test_its_permissions_are_what_it_uses() -> None:
    role: JsonObject = yaml.safe_load((ROOT / "examples/second_controller/rbac.yaml").read_text())
    granted = {
        (resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]
    }
    assert granted == {(CERTIFICATES.plural, verb) for verb in ("get", "list", "watch")} | {
        (f"{CERTIFICATES.plural}/status", "update")
    }


def test_it_needs_the_kit_and_nothing_else_of_this_platform() -> None:
    sources = [file.read_text() for file in (ROOT / "examples/second_controller").glob("*.py")]
    assert not any("notification_operator" in source for source in sources)


def test_the_demo_leaves_it_alone() -> None:
    shown = [yaml.safe_load(file.read_text())["kind"] for file in (ROOT / "examples").glob("*.yaml")]
    assert set(shown) == {"NotificationRequest"}
