"""Processes of the render worker that die: at every byte of a frame, and in each job of the composition that ships."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar
from weakref import finalize

import pytest

from notification_domain.receivers.catalog import ReceiverKey
from notification_domain.rendering.job import RenderingError
from notification_domain.rendering.redaction import redact_fields
from notification_operator.endpoints import template_checks
from notification_operator.endpoints.template_checks import TemplateChecks
from notification_runtime.rendering.worker import RenderWorker, WorkerProcess
from tests.cases import some
from tests.unit.operator.rendering.hostile_worker import PROGRAM
from tests.unit.operator.rendering.test_event_loop import Mailing, mail_server_in_a_thread
from tests.unit.operator.rendering.test_worker import ANSWER, ARGUMENTS, JOB, starting

if TYPE_CHECKING:
    from email.message import EmailMessage

    from notification_domain.rendering.job import Job

P = ParamSpec("P")
T = TypeVar("T")

SOURCE: Final = """
import os, signal, socket, sys
connection = socket.socket(fileno=0)
connection.sendall(bytes.fromhex(sys.argv[1]))
left, answer = int(sys.argv[2]), bytes.fromhex(sys.argv[3])
while left:
    left -= len(connection.recv(left))
connection.sendall(answer)
os.kill(os.getpid(), signal.SIGKILL)
"""
"""Says that it is ready, reads so many bytes of a job, sends an answer, and is killed."""
READY: Final = b"\x00\x00\x00\x02{}"


class Running(WorkerProcess):
    """A process of a command."""

    def __init__(self, *command: str) -> None:
        self.connection, theirs = socket.socketpair()
        self.connection.setblocking(False)
        with theirs:
            self._process = subprocess.Popen(command, stdin=theirs.fileno())
        self.end = finalize(self, _end, self._process, self.connection)


class Killed(Running):
    """A process that the kernel kills after so many bytes of its job, and so many of its answer."""

    def __init__(self, *, reads: int, sends: int) -> None:
        answer = ANSWER[:sends].hex()
        super().__init__(sys.executable, "-I", "-S", "-c", SOURCE, READY.hex(), str(reads), answer)


def _end(process: subprocess.Popen[bytes], connection: socket.socket) -> None:
    connection.close()
    process.kill()
    process.wait()


@pytest.mark.parametrize("part", ["job", "answer"])
async def test_process_killed_at_every_byte_of_a_frame_fails_single_jobs(part: str) -> None:
    if part == "job":
        scripts = [partial(Killed, reads=number, sends=0) for number in some(range(len(JOB) + 1))]
    else:
        scripts = [partial(Killed, reads=len(JOB), sends=number) for number in some(range(len(ANSWER)))]
    whole = partial(Killed, reads=len(JOB), sends=len(ANSWER))
    reasons: list[str] = []
    renderer = RenderWorker(start=starting(*scripts, whole), on_failure=reasons.append)
    for _ in scripts:
        with pytest.raises(RenderingError, match="too much memory or processor time"):
            await renderer.run("shop", redact_fields, **ARGUMENTS)
    assert (await renderer.run("shop", redact_fields, **ARGUMENTS))["fields"] == {"body": "x"}
    assert reasons == ["ended"] * len(scripts)
    renderer.close()


class Harmed(RenderWorker):
    """Does harm to the process in one of the jobs of a name, by number; None: in none."""

    def __init__(self, name: str, number: int | None, deed: str = "") -> None:
        super().__init__(start=partial(WorkerProcess, PROGRAM))
        self.counts: Counter[str] = Counter()
        self._harmed = name, number
        self._deed = deed

    async def run(self, namespace: str, job: Job[P, T], /, *args: P.args, **arguments: P.kwargs) -> T:
        harm: Any = {"harm": self._deed} if (job.name, self.counts[job.name]) == self._harmed else {}
        self.counts[job.name] += 1
        return await super().run(namespace, job, *args, **arguments, **harm)


DEEDS: Final = ("please crash", "please allocate", "please call")
BODY: Final = "**disk** full\n\n" * 400
FULL, SHORTENED, WITHHELD = "disk full", "**disk** full", "[REDACTED] The text could not be redacted in time"


async def mailed(renderer: Harmed) -> tuple[list[str], list[str]]:
    """Send a Markdown message as two mails; return how the text of each begins, and the notes of the attempts."""
    with mail_server_in_a_thread() as server:
        content = {"body": BODY, "format": "Markdown"}
        mailing = Mailing(server.port, {}, content, renderer=renderer, recipients=2)
        await mailing.gap()
        renderer.close()
        assert mailing.fixture.status["phase"] == "Sent"
        notes = [each["note"] for each in mailing.fixture.status["deliveryAttempts"] if "note" in each]
        return sorted(map(beginning, server.mails)), notes


def beginning(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    text = str(part.get_content())
    return next(each for each in (FULL, SHORTENED, WITHHELD) if text.startswith(each))


@pytest.mark.parametrize("deed", some(DEEDS))
async def test_mails_leave_without_the_text_if_it_is_not_redacted(deed: str) -> None:
    texts, _ = await mailed(Harmed("redact_fields", 0, deed))
    assert texts == [WITHHELD, WITHHELD]


@pytest.mark.parametrize("deed", some(DEEDS))
@pytest.mark.parametrize("number", [0, 1])
async def test_mail_that_is_not_written_leaves_in_its_plain_form(number: int, deed: str) -> None:
    texts, notes = await mailed(Harmed("write", number, deed))
    assert texts == [SHORTENED, FULL]
    assert notes == ["the message was shortened: it took too much memory or processor time"]


async def test_undisturbed_mails_leave_with_the_whole_text() -> None:
    renderer = Harmed("", None)
    assert await mailed(renderer) == ([FULL, FULL], [])
    assert renderer.counts == {"redact_fields": 1, "write": 2}


@pytest.mark.parametrize("deed", some(DEEDS))
async def test_templates_are_compiled_later_if_that_has_no_result(
    deed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(template_checks, "RETRY_SECONDS", 0.01)
    renderer, sources = Harmed("check_templates", 0, deed), {"body": f"{deed[7:]} {{{{ cluster }}}}"}
    checks, known = TemplateChecks(renderer), asyncio.Event()
    task = asyncio.create_task(checks.run(lambda _changed: known.set()))
    assert checks.problem(ReceiverKey("shop", "a"), sources) is None
    await known.wait()
    assert checks.problem(ReceiverKey("shop", "a"), sources) == ""
    assert renderer.counts == {"check_templates": 2}
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    renderer.close()
