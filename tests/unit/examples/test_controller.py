"""The second controller follows the decisions: above all, one GET and one PUT per reconciliation."""

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
from atomic_status.testing import MemoryHarness
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


class ControllerHarness(MemoryHarness):
    """A controller on an in-memory store, at a time that the test sets."""

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
async def harness() -> AsyncIterator[ControllerHarness]:
    harness = ControllerHarness()
    yield harness
    await harness.controller.close()


async def test_certificate_costs_one_get_and_one_put_and_its_echo_one_get(harness: ControllerHarness) -> None:
    ref = await harness.certificate()
    harness.controller.enqueue(ref)
    await until(lambda: harness.verbs() == ["GET", "PUT"])
    assert harness.valid(ref) == "True"
    harness.controller.enqueue(ref)
    await until(lambda: harness.verbs() == ["GET", "PUT", "GET"])


async def test_concurrent_requests_are_one_reconciliation(harness: ControllerHarness) -> None:
    ref = await harness.certificate()
    for _ in range(100):
        harness.controller.enqueue(ref)
    await until(lambda: harness.verbs() == ["GET", "PUT"])


async def test_conflict_is_recomputed_and_keeps_the_other_writer_s_field(harness: ControllerHarness) -> None:
    ref = await harness.certificate()
    harness.memory.interfere_next(lambda: harness.memory.write_as_other(ref, serial=7))
    harness.controller.enqueue(ref)
    await until(lambda: harness.valid(ref) == "True")
    assert harness.memory.peek(ref)["status"]["serial"] == 7
    assert harness.verbs() == ["GET", "PUT", "GET", "PUT"]


async def test_certificate_is_reconciled_again_when_a_condition_changes(harness: ControllerHarness) -> None:
    ref = await harness.certificate(notAfter="2026-06-01T00:00:01Z")
    harness.now = NOW + timedelta(seconds=0.95)
    harness.controller.enqueue(ref)
    await until(lambda: harness.valid(ref) == "True")
    harness.now = NOW + timedelta(seconds=1)
    await until(lambda: harness.valid(ref) == "False")
    assert harness.verbs() == ["GET", "PUT"] * 2


@pytest.mark.parametrize("applied", [False, True])
async def test_write_without_response_is_repeated_after_retry_after(
    harness: ControllerHarness, *, applied: bool
) -> None:
    ref = await harness.certificate()
    harness.memory.fail_next("PUT", Unavailable(ref, reason="down", retry_after=0.01), applied=applied)
    harness.controller.enqueue(ref)
    await until(lambda: harness.verbs() == ["GET", "PUT", "GET"] + ["PUT"] * (not applied))
    assert harness.valid(ref) == "True"


async def test_unexpected_error_is_logged_and_retried(
    harness: ControllerHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(controller, "RETRY_DELAY", 0.01)
    ref = await harness.certificate(notBefore="no date")
    harness.controller.enqueue(ref)
    await until(lambda: "reconciliation of examples/one failed unexpectedly" in caplog.text)
    harness.memory.write_spec(ref, SPEC)
    await until(lambda: harness.valid(ref) == "True")


async def test_deleted_certificate_leaves_no_task(harness: ControllerHarness) -> None:
    ref = await harness.certificate()
    harness.controller.enqueue(ref)
    await until(lambda: harness.valid(ref) == "True")
    harness.memory.delete(ref)
    harness.controller.enqueue(ref)
    await until(lambda: harness.controller.pending == 0)


async def test_recreated_name_is_another_certificate(harness: ControllerHarness) -> None:
    first = await harness.certificate()
    harness.memory.delete(first)
    second = await harness.certificate()
    harness.controller.enqueue(first)
    await until(lambda: harness.verbs() == ["GET"] and harness.controller.pending == 0)
    assert harness.valid(second) is None
    harness.controller.enqueue(second)
    await until(lambda: harness.valid(second) == "True")


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[WatchableApi]:
    api = WatchableApi()
    async with serving(api), ApiClient(Configuration(host=api.url)) as client:
        api.store = KubeStatusStore(client, CERTIFICATES, timeout=5)
        yield api


async def test_certificate_is_read_and_written_over_http() -> None:
    async with served() as api:
        ref = await api.create("one", spec=SPEC, status={"foreign": True})
        used = Controller(api.store, clock=lambda: NOW)
        used.enqueue(ref)
        await until(lambda: api.calls == ["GET", "PUT"])
        await used.close()
    assert set(api.memory.peek(ref)["status"]) == {"foreign", "conditions"}


@pytest.mark.slow
async def test_command_of_the_readme_reconciles_existing_and_new_objects(tmp_path: Path) -> None:
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
    """Return the command of the README, without tools/with-env."""
    (line,) = (
        line
        for line in (ROOT / "examples/second_controller/README.md").read_text().splitlines()
        if "-m kopf" in line
    )
    return line.removeprefix("tools/with-env python ").split()


def test_role_grants_exactly_the_calls_of_the_controller() -> None:
    role: JsonObject = yaml.safe_load((ROOT / "examples/second_controller/rbac.yaml").read_text())
    granted = {
        (resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]
    }
    assert granted == {(CERTIFICATES.plural, verb) for verb in ("get", "list", "watch")} | {
        (f"{CERTIFICATES.plural}/status", "update")
    }


def test_example_imports_the_kit_and_nothing_else_of_this_platform() -> None:
    sources = [file.read_text() for file in (ROOT / "examples/second_controller").glob("*.py")]
    assert not any("notification_operator" in source for source in sources)


def test_demo_applies_notification_requests_only() -> None:
    kinds = [yaml.safe_load(file.read_text())["kind"] for file in (ROOT / "examples").glob("*.yaml")]
    assert set(kinds) == {"NotificationRequest"}
