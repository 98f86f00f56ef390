"""The render worker: whatever its process does, a job has a result or an error, and the next job has a result."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import sys
from collections import Counter
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pytest
import uvloop
from structlog.testing import capture_logs

from notification_domain.redaction.redact import ALL_RULES
from notification_domain.rendering.job import MAX_VALUES, RenderingError, encoded
from notification_domain.rendering.redaction import redact_fields, rule_values
from notification_runtime import render_worker
from notification_runtime.rendering import worker
from notification_runtime.rendering.worker import RenderWorker, WorkerProcess
from tests.cases import cases, some
from tests.unit.operator.rendering.hostile_worker import DEEDS, PROGRAM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from notification_domain.rendering.job import Renderer
    from notification_domain.rendering.redaction import RedactedFields

RULES: Final = rule_values(ALL_RULES)
HOSTILE: Final = partial(WorkerProcess, PROGRAM)
BLOCKED: Final = 1
"""Turns of the event loop in a job that does not let it go."""


async def redacted(renderer: Renderer, body: str, *, namespace: str = "shop") -> str:
    result: RedactedFields = await renderer.run(
        namespace, redact_fields, texts={"body": body}, dedup_key="", rules=RULES
    )
    return str(result["fields"]["body"])


@pytest.fixture(scope="module")
def hostile() -> Iterator[RenderWorker]:
    """Yield a worker whose jobs do what their texts ask for; a start takes 0.3 s of a processor, so all tests have the same one."""
    renderer = RenderWorker(start=HOSTILE, patience=1)
    yield renderer
    renderer.close()


class Scripted(WorkerProcess):
    """A process that reads so many bytes of its job, sends so many of its answer, and ends."""

    ready: ClassVar = {"filtered": True}

    def __init__(self, *, reads: int | None = None, sends: int | None = None) -> None:
        self.connection, self._theirs = socket.socketpair()
        for each in (self.connection, self._theirs):
            each.setblocking(False)
        self._limits = reads, sends
        self._task = asyncio.create_task(self._serve())

    def end(self) -> None:  # type: ignore[override]  # no finalizer: nothing is left of it
        self._task.cancel()
        self.connection.close()
        self._theirs.close()

    @property
    def has_ended(self) -> bool:
        return self._task.done()

    async def _serve(self) -> None:
        loop, (reads, sends) = asyncio.get_running_loop(), self._limits
        await loop.sock_sendall(self._theirs, encoded(self.ready))
        job = await loop.sock_recv(self._theirs, len(JOB) if reads is None else max(reads, 1))
        if reads is None:
            assert job == JOB
            await loop.sock_sendall(self._theirs, ANSWER[:sends])
        self._theirs.close()


ARGUMENTS: Final[dict[str, Any]] = {"texts": {"body": "x\ud800é"}, "dedup_key": "", "rules": RULES}
JOB: Final = encoded({"name": "redact_fields", "arguments": ARGUMENTS})
ANSWER: Final = encoded({"result": {"fields": {"body": "x"}, "counts": {}}})


def starting(*scripts: Callable[[], WorkerProcess]) -> Callable[[], WorkerProcess]:
    """Return what starts these processes, one after the other."""
    remaining = iter(scripts)

    def start() -> WorkerProcess:
        return next(remaining)()

    return start


@pytest.mark.parametrize(("part", "size"), [("reads", len(JOB)), ("sends", len(ANSWER))])
async def test_process_that_ends_at_any_byte_of_a_frame_fails_its_job_alone(part: str, size: int) -> None:
    for count in range(size):
        renderer = RenderWorker(start=starting(partial(Scripted, **{part: count}), Scripted))
        with pytest.raises(RenderingError):
            await renderer.run("shop", redact_fields, **ARGUMENTS)
        assert (await renderer.run("shop", redact_fields, **ARGUMENTS))["fields"] == {"body": "x"}
        renderer.close()


@pytest.mark.parametrize("end", range(0, len(JOB), 7))
def test_process_ends_when_the_operator_ends_at_any_byte_of_a_frame(end: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(JOB + JOB[:end])
        ours.shutdown(socket.SHUT_WR)
        render_worker.serve(theirs, limit=lambda _seconds: None, ready={})
        assert ours.recv(65_536).startswith(encoded({}))


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\x00\x00\x02[]",
        b"\xff\xff\xff\xff{}",
        b"\x00\x00\x00\x02{x",
        b"\x00\x00\x00\x01\xff",
        encoded([[]] * MAX_VALUES),
        encoded({"result": {"fields": {"body": "x"}}}),
        encoded({"result": {"fields": {"body": ["x"]}, "counts": {}}}),
        encoded({"result": {"fields": {"action_links": [{"url": 1}]}, "counts": {}}}),
        encoded({"result": {"fields": {"phase": "Sent"}, "counts": {}}}),
        encoded({"result": {"fields": {}, "counts": {"a series of its own": 1}}}),
        encoded({"result": {"fields": {}, "counts": {"keyed_value": -1}}}),
        encoded({"failed": "x" * 65}),
    ],
)
async def test_answer_that_is_none_fails_its_job(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ANSWER", content)
    renderer = RenderWorker(start=Scripted)
    with capture_logs() as logs, pytest.raises(RenderingError):
        await renderer.run("shop", redact_fields, **ARGUMENTS)
    renderer.close()
    assert [(each["namespace"], each["job"]) for each in logs] == [("shop", redact_fields.name)]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("deed", some(list(DEEDS)))
async def test_job_that_does_harm_fails_alone(hostile: RenderWorker, deed: str) -> None:
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            # Some jobs end before a timer does.
            await asyncio.sleep(0.001 if beats > BLOCKED else 0)
            beats += 1

    task = asyncio.create_task(beat())
    victim = asyncio.create_task(redacted(hostile, deed))
    other = asyncio.create_task(redacted(hostile, "password=hunter2", namespace="bank"))
    with pytest.raises(RenderingError):
        await victim
    assert await other == "password=[REDACTED]"
    task.cancel()
    assert beats > BLOCKED


async def test_process_has_one_connection_and_no_environment(
    hostile: RenderWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_TOKEN", "secret")
    kept = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(kept, True)
    hostile.close()
    facts = json.loads(await redacted(hostile, "please report"))
    os.close(kept)
    assert hostile.process is not None
    process = Path("/proc", str(hostile.process.pid))
    assert sorted(each.name for each in (process / "fd").iterdir()) == ["0", "1", "2"]
    assert (process / "oom_score_adj").read_text("ascii") == "1000\n"
    assert set(facts["environment"]) <= {"PYTHONPATH", "LC_CTYPE", *worker.ENVIRONMENT}
    assert not {"asyncio", "aiohttp", "kopf", "kubernetes", "pydantic", "structlog"} & set(facts["modules"])
    assert await redacted(hostile, "please print") == "please print"


def test_worker_works_on_the_event_loop_that_ships(hostile: RenderWorker) -> None:
    async def work() -> None:
        with pytest.raises(RenderingError, match="not rendered within"):
            await redacted(hostile, "please sleep")
        with pytest.raises(RenderingError, match="too much"):
            await redacted(hostile, "please exit")
        assert await redacted(hostile, "x" * 262_144) == "x" * 262_144

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())


@pytest.mark.parametrize(
    ("max_jobs", "max_seconds", "processes"), [(2, 60, 2), (1, 60, 4), (9, 0, 4), (9, 60, 1)]
)
async def test_process_that_is_used_up_is_replaced(max_jobs: int, max_seconds: float, processes: int) -> None:
    renderer, used = RenderWorker(max_jobs=max_jobs, max_seconds=max_seconds), set()
    for _ in range(4):
        assert await redacted(renderer, "x") == "x"
        used.add(renderer.process)
    assert len(used) == processes
    renderer.close()


async def test_process_without_a_filter_is_logged_once() -> None:
    class Unfiltered(Scripted):
        ready: ClassVar = {"filtered": False}

    renderer = RenderWorker(start=Unfiltered, max_jobs=1)
    with capture_logs() as logs:
        for _ in range(2):
            await renderer.run("shop", redact_fields, **ARGUMENTS)
    renderer.close()
    assert [each["event"] for each in logs] == ["texts rendered without a filter of system calls"]


async def test_namespaces_take_turns(hostile: RenderWorker) -> None:
    done: list[str] = []

    async def one(namespace: str, number: int) -> None:
        await redacted(hostile, "x" * number, namespace=namespace)
        done.append(namespace)

    await asyncio.gather(*(one("loud", n) for n in range(4)), *(one("quiet", n) for n in range(2)))
    assert done == ["loud", "quiet", "loud", "quiet", "loud", "loud"]


async def test_jobs_of_a_namespace_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "MAX_WAITING", 2)
    failures: list[str] = []
    renderer = RenderWorker(on_failure=failures.append)
    texts = [asyncio.create_task(redacted(renderer, "x")) for _ in range(3)]
    other = asyncio.create_task(redacted(renderer, "y", namespace="bank"))
    results = await asyncio.gather(*texts, return_exceptions=True)
    assert results[:2] == ["x", "x"]
    assert str(results[2]) == "2 other texts of namespace shop wait to be rendered"
    assert (await other, failures) == ("y", ["refused"])
    renderer.close()


async def test_worker_that_cannot_be_started_delays_nothing() -> None:
    attempts: Counter[str] = Counter()

    def fail() -> WorkerProcess:
        attempts["start"] += 1
        raise OSError("no process is left")

    renderer = RenderWorker(start=fail, on_failure=lambda reason: attempts.update([reason]))
    for _ in range(5):
        with pytest.raises(RenderingError, match="cannot be started"):
            await redacted(renderer, "x")
    assert attempts == {"start": 1, "not_started": 5}


async def test_program_that_ends_at_its_start_is_no_worker() -> None:
    renderer = RenderWorker(start=partial(WorkerProcess, "tests.no_such_module"))
    with pytest.raises(RenderingError, match="cannot be started"):
        await redacted(renderer, "x")


async def test_idle_process_that_was_killed_costs_no_job() -> None:
    processes: list[WorkerProcess] = []

    def start() -> WorkerProcess:
        processes.append(WorkerProcess())
        return processes[-1]

    renderer = RenderWorker(start=start)
    assert await redacted(renderer, "x") == "x"
    os.kill(processes[0].pid, signal.SIGKILL)
    while not processes[0].has_ended:  # noqa: ASYNC110 - the kernel reports to nobody
        await asyncio.sleep(0.001)
    assert await redacted(renderer, "y") == "y"
    renderer.close()


async def test_cancelled_caller_leaves_the_others_their_results(hostile: RenderWorker) -> None:
    hostile.close()
    first = asyncio.create_task(redacted(hostile, "x" * 300_000))
    waiting = asyncio.create_task(redacted(hostile, "never"))
    last = asyncio.create_task(redacted(hostile, "z", namespace="bank"))
    while hostile.process is None:  # noqa: ASYNC110 - reports to nobody
        await asyncio.sleep(0.001)
    first.cancel()
    waiting.cancel()
    assert await last == "z"


@pytest.mark.timeout(180)
async def test_process_killed_at_random_times_fails_single_jobs() -> None:
    choices, results = random.Random(7), []  # noqa: S311 - chooses times
    renderer = RenderWorker()

    async def kill() -> None:
        while True:
            await asyncio.sleep(choices.random())
            if renderer.process is not None:
                with suppress(ProcessLookupError):
                    os.kill(renderer.process.pid, signal.SIGKILL)

    killer = asyncio.create_task(kill())
    texts = ["a", "b" * 262_144, "password=hunter2 " * 4000]
    for number in range(cases(60)):
        with suppress(RenderingError):
            results.append(await redacted(renderer, texts[number % 3], namespace=f"n-{number % 5}"))
    killer.cancel()
    assert {result[:20] for result in results} <= {"a", "b" * 20, "password=[REDACTED] "}
    assert await redacted(renderer, "x") == "x"
    renderer.close()
