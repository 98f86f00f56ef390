"""The render worker: a child process that computes what tenants wrote, one job after the other, and nothing else.

Its standard input is a socket to the operator. It can open nothing else, neither a file nor a connection, and the kernel
ends it when a job takes too much memory or processor time (DD-WORKER-001, DD-SANDBOX-001).
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from notification_domain.redaction.redact import ALL_RULES
from notification_domain.rendering.composition import compose
from notification_domain.rendering.job import FAILED, HEAD, RESULT, decoded, encoded
from notification_domain.rendering.jobs import JOBS
from notification_domain.rendering.markup.markups import MARKUPS
from notification_domain.rendering.mime import write
from notification_domain.rendering.redaction import rule_values
from notification_runtime.rendering.confinement import confine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notification_domain.rendering.composition import Composition
    from notification_domain.rendering.job import Job

MEMORY: Final = 96 * 1024 * 1024
"""Bytes of address space that jobs may use; with the memory of the operator they fit into the default limit of its pod."""
FIRST_TO_DIE: Final = 1000
"""Of all processes, the kernel chooses this one when memory runs out."""
SAMPLE: Final = {
    **dict.fromkeys(("namespace", "name", "priority", "type", "dedupKey", "deliveryId"), "a"),
    "subject": "\u00e9",
    "body": "# a\n\n- *b* `c` [d](https://b\u00fccher.example) <https://\u2260.\u00df\u200d.example> \n\n|e|\n|-|\n|f|",
    "event": "Resolve",
    "metadata": {"password": "b"},
    "links": [],
}
"""A message with a name of a host outside ASCII, and one that is none."""


def main() -> None:
    """Work until the operator closes the socket."""
    connection = socket.socket(fileno=sys.stdin.fileno())
    load()
    is_filtered = restrict()
    # What is imported stays: collections need not look at it again.
    gc.freeze()
    # The operator may end at any moment.
    with contextlib.suppress(OSError):
        serve(connection, ready={"filtered": is_filtered})


def load() -> None:
    """Compute a message of which each part is special, so that modules that libraries load late are loaded."""
    composition: Composition = {
        "context": {"notification": SAMPLE, "cluster": "", "receiver": {}, "attempt": 1},
        "format": "Markdown",
        "templates": {"subject": "{{ 'a' }}{{ missing }}", "body": "{{ notification.body }}"},
        "override": {"place": "", "source": "{% if %}", "problem": ""},
        "rules": rule_values(ALL_RULES),
    }
    for markup in MARKUPS:
        compose(composition=composition, markup=markup)
    write(composition=composition, sender="a@b.example", domain="b.example", address="c@d.example", date="")


def restrict() -> bool:
    """Take away what no job needs; return whether the kernel filters system calls."""
    used = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    # Some sandboxes have no such file, or a read-only one.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(FIRST_TO_DIE), "ascii")
    return confine()


def serve(
    connection: socket.socket, limit: Callable[[int], None] | None = None, *, ready: Mapping[str, bool]
) -> None:
    """Say that this process is ready, then answer each job with its result.

    Args:
        connection: to the operator.
        limit: bounds the processor time until the next call, in seconds.
        ready: whether the kernel filters the system calls of this process.
    """
    limit = limit or _limit_processor_time
    connection.sendall(encoded(ready))
    while (content := _received(connection)) is not None:
        request = decoded(content)
        job = JOBS[request["name"]]
        limit(job.limit(len(content)))
        connection.sendall(encoded(_answer(job, request["arguments"])))


def _answer(job: Job[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        return {RESULT: job(**arguments)}
    except MemoryError:
        # What is left of the heap is in pieces, and a new process begins without them.
        os._exit(1)
    except Exception as error:  # noqa: BLE001 - the operator decides what a fault leads to
        return {FAILED: type(error).__name__}


def _limit_processor_time(seconds: int) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, hard))


def _received(connection: socket.socket) -> bytearray | None:
    """Return the next frame; None if the operator has ended, whether or not in the midst of one."""
    head = _exactly(connection, HEAD)
    return None if head is None else _exactly(connection, int.from_bytes(head, "big"))


def _exactly(connection: socket.socket, size: int) -> bytearray | None:
    content = bytearray(size)
    view = memoryview(content)
    while view:
        count = connection.recv_into(view)
        if not count:
            return None
        view = view[count:]
    return content


if __name__ == "__main__":
    main()
