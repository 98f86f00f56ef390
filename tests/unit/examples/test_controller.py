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
from atomic_status.testing import PROMISES, TROUBLE_PROMISES, MemoryBench, TroublePromise
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


class ControllerFixture(MemoryBench):
    """A controller that runs on a store in memory, at a time that the test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.controller = Controller(self.memory, clock=lambda: self.now)

    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.memory.calls]

    def valid(self, ref: ObjectRef) -> str | None:
        conditions = self.memory.peek(ref)["status"].get("conditions", ())
        return next((str(each["status"]) for each in conditions if each["type"] == "Valid"), None)

    async def certificate(self, **spec: object) -> ObjectRef:
        return await self.create("one", spec={**SPEC, **spec}, status={})


@pytest.fixture
async def fixture() -> AsyncIterator[ControllerFixture]:
    controller_fixture = ControllerFixture()
    yield controller_fixture
    await controller_fixture.controller.close()


async def test_certificate_costs_one_get_and_one_put_and_its_echo_one_get(fixture: ControllerFixture) -> None:
    ref = await fixture.certificate()
    fixture.controller.enqueue(ref)
    await until(lambda: fixture.verbs() == ["GET", "PUT"])
    assert fixture.valid(ref) == "True"
    fixture.controller.enqueue(ref)
    await until(lambda: fixture.verbs() == ["GET", "PUT", "GET"])


async def test_many_events_at_once_are_one_reconciliation(fixture: ControllerFixture) -> None:
    ref = await fixture.certificate()
    for _ in range(100):
        fixture.controller.enqueue(ref)
    await until(lambda: fixture.verbs() == ["GET", "PUT"])


async def test_conflict_is_decided_again_and_keeps_foreign_fields(fixture: ControllerFixture) -> None:
    ref = await fixture.certificate()
    fixture.memory.interfere_next(lambda: fixture.memory.write_as_other(ref, serial=7))
    fixture.controller.enqueue(ref)
    await until(lambda: fixture.valid(ref) == "True")
    assert fixture.memory.peek(ref)["status"]["serial"] == 7
    assert fixture.verbs() == ["GET", "PUT", "GET", "PUT"]


async def test_certificate_is_reconciled_when_time_changes_its_status(fixture: ControllerFixture) -> None:
    ref = await fixture.certificate(notAfter="2026-06-01T00:00:01Z")
    fixture.now = NOW + timedelta(seconds=0.95)
    fixture.controller.enqueue(ref)
    await until(lambda: fixture.valid(ref) == "True")
    fixture.now = NOW + timedelta(seconds=1)
    await until(lambda: fixture.valid(ref) == "False")
    assert fixture.verbs() == ["GET", "PUT"] * 2


@pytest.mark.parametrize("applied", [False, True])
async def test_write_without_an_answer_is_retried_after_the_requested_pause(
    fixture: ControllerFixture, *, applied: bool
) -> None:
    ref = await fixture.certificate()
    fixture.memory.fail_next("PUT", Unavailable(ref, reason="down", retry_after=0.01), applied=applied)
    fixture.controller.enqueue(ref)
    await until(lambda: fixture.verbs() == ["GET", "PUT", "GET"] + ["PUT"] * (not applied))
    assert fixture.valid(ref) == "True"


async def test_unexpected_error_is_logged_and_retried(
    fixture: ControllerFixture, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(controller, "RETRY_SECONDS", 0.01)
    ref = await fixture.certificate(notBefore="no date")
    fixture.controller.enqueue(ref)
    await until(lambda: "reconciliation of examples/one failed" in caplog.text)
    fixture.memory.write_spec(ref, SPEC)
    await until(lambda: fixture.valid(ref) == "True")


async def test_deleted_certificate_leaves_nothing_behind(fixture: ControllerFixture) -> None:
    ref = await fixture.certificate()
    fixture.controller.enqueue(ref)
    await until(lambda: fixture.valid(ref) == "True")
    fixture.memory.delete(ref)
    fixture.controller.enqueue(ref)
    await until(lambda: fixture.controller.is_idle)


async def test_reused_name_is_another_certificate(fixture: ControllerFixture) -> None:
    first = await fixture.certificate()
    fixture.memory.delete(first)
    second = await fixture.certificate()
    fixture.controller.enqueue(first)
    await until(lambda: fixture.verbs() == ["GET"] and fixture.controller.is_idle)
    assert fixture.valid(second) is None
    fixture.controller.enqueue(second)
    await until(lambda: fixture.valid(second) == "True")


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[WatchableApi]:
    api = WatchableApi()
    async with serving(api), ApiClient(Configuration(host=api.url)) as client:
        api.store = KubeStatusStore(client, CERTIFICATES, timeout=5)
        yield api


@pytest.mark.parametrize("promise", [*PROMISES, *TROUBLE_PROMISES], ids=lambda promise: promise.__name__)
async def test_store_conforms_to_the_protocol(promise: TroublePromise) -> None:
    async with served() as api:
        await promise(api)


async def test_kopf_runs_the_controller_as_documented(tmp_path: Path) -> None:
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


def test_permissions_are_exactly_the_used_ones() -> None:
    role: JsonObject = yaml.safe_load((ROOT / "examples/second_controller/rbac.yaml").read_text())
    granted = {
        (resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]
    }
    assert granted == {(CERTIFICATES.plural, verb) for verb in ("get", "list", "watch")} | {
        (f"{CERTIFICATES.plural}/status", "update")
    }


def test_controller_imports_only_the_kit() -> None:
    sources = [file.read_text() for file in (ROOT / "examples/second_controller").glob("*.py")]
    assert not any("notification_operator" in source for source in sources)


def test_demo_does_not_apply_the_example() -> None:
    shown = [yaml.safe_load(file.read_text())["kind"] for file in (ROOT / "examples").glob("*.yaml")]
    assert set(shown) == {"NotificationRequest"}
