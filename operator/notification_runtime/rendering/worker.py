"""The way to the render worker, which computes what tenants wrote: one job at a time, and namespaces take turns.

No job stops, stalls or fattens this process (DD-WORKER-001). The worker starts with the first job.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar
from weakref import finalize

import structlog

from notification_domain.redaction.redact import COUNTED
from notification_domain.rendering.job import (
    FAILED,
    HEAD,
    MAX_FRAME,
    MAX_VALUES,
    RESULT,
    Renderer,
    RenderingError,
    decoded,
    encoded,
    has_type,
)
from notification_runtime.fair.fair_queue import FairQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notification_domain.rendering.job import Job

PROGRAM: Final = "notification_runtime.render_worker"
PATIENCE: Final = 10.0
"""Seconds that the worker gets for each second of its processor time: a pod may get a tenth of one."""
START_SECONDS: Final = 30.0
"""Time limit of a start, which takes 0.3 s of a processor."""
PAUSE_SECONDS: Final = 10.0
"""Seconds without a further start after one that failed."""
REAP_SECONDS: Final = 1.0
MAX_WAITING: Final = 256
"""Jobs of one namespace that wait."""
ENVIRONMENT: Final = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
"""The environment of the worker, besides its path: large blocks go back to the system when they are freed."""

P = ParamSpec("P")
T = TypeVar("T")

logger = structlog.get_logger(__name__)


class WorkerProcess:
    """One process of the worker; it ends with this object.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, program: str = PROGRAM) -> None:
        self.connection, theirs = socket.socketpair()
        self.connection.setblocking(False)
        environment = {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - this interpreter
                    [sys.executable, "-B", "-P", "-m", program],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    env=environment,
                )
            except BaseException:
                self.connection.close()
                raise
        self.end = finalize(self, _end, self._process, self.connection)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._process.poll() is not None


class RenderWorker(Renderer):
    """Computes jobs in a child process.

    Args:
        start: starts the process.
        patience: seconds for each second of processor time.
        on_failure: counts a job without a result, by reason: deadline, ended, error, not_started or refused.
        max_jobs: after so many, a new process takes the place of one, whatever texts have made of it.
        max_seconds: so does it at this age.
    """

    def __init__(
        self,
        *,
        start: Callable[[], WorkerProcess] = WorkerProcess,
        patience: float = PATIENCE,
        on_failure: Callable[[str], None] = lambda _reason: None,
        max_jobs: int = 1_000,
        max_seconds: float = 600.0,
    ) -> None:
        self._start = start
        self._patience = patience
        self._on_failure = on_failure
        self._limits = max_jobs, max_seconds
        self._jobs, self._began = 0, 0.0
        self._is_filtered = True
        self._waiting: FairQueue[_Waiting] = FairQueue()
        self.process: WorkerProcess | None = None
        self._task: asyncio.Task[None] | None = None
        self._paused_until = 0.0

    async def run(self, namespace: str, job: Job[P, T], /, *args: P.args, **arguments: P.kwargs) -> T:
        """Return the result of a job, in the turn of its namespace."""
        del args
        if len(self._waiting.line(namespace)) >= MAX_WAITING:
            self._on_failure("refused")
            raise RenderingError(f"{MAX_WAITING} other texts of namespace {namespace} wait to be rendered")
        waiting = _Waiting(namespace, job, arguments, asyncio.get_running_loop().create_future())
        self._waiting.add(namespace, waiting)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name="render worker")
        try:
            result: T = await waiting.result
        finally:
            self._waiting.discard(namespace, waiting)
        return result

    def close(self) -> None:
        """End the process; the next job starts another one."""
        if self.process is not None:
            self.process.end()
            self.process = None

    async def _work(self) -> None:
        """Compute until no job waits; a job whose caller is cancelled meanwhile is computed to its end."""
        while self._waiting:
            waiting = self._waiting.pop()
            try:
                result = await self._computed(waiting)
            except Exception as error:  # noqa: BLE001 - the caller's, whatever it is
                if not waiting.result.done():
                    waiting.result.set_exception(error)
            else:
                if not waiting.result.done():
                    waiting.result.set_result(result)

    async def _computed(self, waiting: _Waiting) -> Any:  # noqa: ANN401 - any JSON
        """Return the result of a job.

        Raises:
            RenderingError: it has none.
        """
        process = await self._running()
        # Not before its turn: the frame is a copy of its content.
        frame = encoded({"name": waiting.job.name, "arguments": waiting.arguments})
        limit = waiting.job.limit(len(frame)) * self._patience
        answered = False
        try:
            async with asyncio.timeout(limit):
                await asyncio.get_running_loop().sock_sendall(process.connection, frame)
                answer = await _received(process.connection)
            _check(answer, waiting.job)
            answered = True
        except TimeoutError as error:
            self._failed("deadline", waiting)
            raise RenderingError(f"not rendered within {limit:g} s") from error
        except Exception as error:
            # Whatever a process that is ending or hostile sends; the text of the error could quote it.
            self._failed("ended", waiting, error=type(error).__name__)
            raise RenderingError("it took too much memory or processor time") from error
        finally:
            if not answered:
                self.close()
        if RESULT not in answer:
            self._failed("error", waiting, error=str(answer.get(FAILED)))
            raise RenderingError(f"rendering failed: {answer.get(FAILED)}")
        return answer[RESULT]

    async def _running(self) -> WorkerProcess:
        """Return the process, which is ready.

        Raises:
            RenderingError: it cannot be started.
        """
        now = asyncio.get_running_loop().time()
        self._jobs += 1
        is_fresh = self._jobs <= self._limits[0] and now < self._began + self._limits[1]
        if self.process is not None and not self.process.has_ended and is_fresh:
            return self.process
        self.close()
        if now < self._paused_until:
            self._on_failure("not_started")
            raise RenderingError("the render worker cannot be started")
        process = None
        try:
            process = self._start()
            async with asyncio.timeout(START_SECONDS):
                ready = await _received(process.connection)
        except Exception as error:
            self._paused_until = now + PAUSE_SECONDS
            self._on_failure("not_started")
            logger.warning("render worker not started", error=repr(error))
            raise RenderingError("the render worker cannot be started") from error
        else:
            self.process, self._jobs, self._began = process, 1, now
            if self._is_filtered and not ready.get("filtered"):
                self._is_filtered = False
                logger.warning(
                    "texts rendered without a filter of system calls",
                    hint="its limits hold; for the filter, use nodes with seccomp and an x86_64 or aarch64 processor",
                )
        finally:
            if process is not None and self.process is not process:
                process.end()
        return process

    def _failed(self, reason: str, waiting: _Waiting, **details: str) -> None:
        self._on_failure(reason)
        logger.warning(
            "render worker without a result",
            reason=reason,
            namespace=waiting.namespace,
            job=waiting.job.name,
            **details,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    namespace: str
    job: Job[..., Any]
    arguments: Mapping[str, Any]
    result: asyncio.Future[Any]


def _end(process: subprocess.Popen[bytes], connection: socket.socket) -> None:
    connection.close()
    process.kill()
    # A few milliseconds: it has no file open, and little memory.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(REAP_SECONDS)


def _check(answer: dict[str, Any], job: Job[..., Any]) -> None:
    """Check what a process answers, which may run code of a text.

    Raises:
        ValueError: it is neither a result of the job nor the name of an error.
    """
    if answer.keys() == {FAILED} and re.fullmatch(r"\w{1,64}", str(answer[FAILED])):
        return
    if answer.keys() != {RESULT} or not has_type(answer[RESULT], job.returns):
        raise ValueError(f"the result of {job.name} has another type")
    counts = answer[RESULT].get("counts", {}) if isinstance(answer[RESULT], dict) else {}
    if not counts.keys() <= COUNTED or any(count < 0 for count in counts.values()):
        raise ValueError(f"the result of {job.name} counts what has no name")


async def _received(connection: socket.socket) -> dict[str, Any]:
    """Return the value of the next frame.

    Raises:
        EOFError: the process has ended.
        ValueError: what it sent is no frame, or takes too much memory.
    """
    size = int.from_bytes(await _exactly(connection, HEAD), "big")
    if size > MAX_FRAME:
        raise ValueError(f"a frame of {size} bytes")
    content = await _exactly(connection, size)
    if sum(map(content.count, b",[{")) > MAX_VALUES:
        raise ValueError("a frame of too many values")
    answer: dict[str, Any] = decoded(content)
    return answer


async def _exactly(connection: socket.socket, size: int) -> bytearray:
    content, loop = bytearray(size), asyncio.get_running_loop()
    view = memoryview(content)
    while view:
        count = await loop.sock_recv_into(connection, view)
        if not count:
            raise EOFError
        view = view[count:]
    return content
