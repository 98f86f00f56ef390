"""A render worker that runs code of a tenant, and the operator that it attacks, both as the user of the shipped pod.

The program is the operator: it prints by attack the error that the kernel refuses it with, empty for one that it does not refuse.
"""

from __future__ import annotations

import asyncio
import ctypes
import encodings.ascii  # noqa: F401 - a user without rights may not read the folder of the interpreter
import errno
import json
import os
import resource
import signal
import socket
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from notification_domain.rendering.job import RESULT, encoded
from notification_domain.rendering.redaction import redact_fields
from notification_runtime import render_worker
from notification_runtime.rendering import confinement
from notification_runtime.rendering.confinement import protect_memory
from notification_runtime.rendering.worker import RenderWorker
from tests.unit.operator.rendering.test_killed_worker import Running

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PROGRAM: Final = (sys.executable, "-m", "tests.unit.operator.rendering.won_worker")
LIBRARY: Final = ctypes.CDLL(None, use_errno=True)


def become(user: int) -> None:
    """Become a user, whose processes may look into each other as after the start of a program."""
    if user != os.getuid():
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    LIBRARY.prctl(confinement.PR_SET_DUMPABLE, 1, 0, 0, 0)


def _read_memory(process: int) -> None:
    """Read at an address that may not be mapped there: the kernel refuses the right before."""
    content = ctypes.create_string_buffer(8)
    vector = (ctypes.c_void_p * 2)(ctypes.addressof(content), 8)
    if LIBRARY.process_vm_readv(process, vector, 1, vector, 1, 0) < 0 and ctypes.get_errno() == errno.EPERM:
        raise PermissionError(errno.EPERM, "refused")


def looks(parent: int) -> Mapping[str, Callable[[], object]]:
    """Return what reads a process of the same user."""
    place = Path("/proc", str(parent))
    files = {
        f"its {each}": partial(os.open, place / each, os.O_RDONLY) for each in ("environ", "mem", "maps")
    }
    links = {f"its {each}": partial(os.readlink, place / each) for each in ("cwd", "exe", "root")}
    return {**files, **links, "its memory": partial(_read_memory, parent)}


def attacks(parent: int) -> Mapping[str, Callable[[], object]]:
    """Return what code does that has all of a process."""
    return {
        "close a descriptor": partial(os.close, 1),
        "close another one": partial(os.close, 2),
        "open a file": partial(os.open, "/etc/passwd", os.O_RDONLY),
        "write a file": partial(os.open, "/etc/passwd", os.O_WRONLY),
        "copy a descriptor": partial(os.dup, 0),
        "make a pipe": os.pipe,
        "connect": socket.socket,
        "share memory": partial(os.memfd_create, "won"),
        "fork": lambda: os.fork() or os._exit(0),
        "raise its limit": partial(resource.setrlimit, resource.RLIMIT_NOFILE, (8, 8)),
        **looks(parent),
        "run a program": partial(os.execv, "/none", ["/none"]),
        "make a folder": partial(os.mkdir, "/"),
        "limit the operator": partial(resource.prlimit, parent, resource.RLIMIT_CORE, (0, 0)),
        "signal the operator": partial(os.kill, parent, signal.SIGURG),
    }


def outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except (OSError, ValueError) as error:
        # The module of limits has no error of the kernel.
        name = errno.errorcode[getattr(error, "errno", errno.EPERM)]
        return "" if name in ("EEXIST", "ENOENT") else name
    return ""


def attack(user: int, *, filtered: bool) -> None:
    """Be the process of the worker: look into the operator without a sandbox, then attack it within one."""
    connection, parent = socket.socket(fileno=0), os.getppid()
    render_worker.load()
    become(user)
    connection.sendall(encoded({"filtered": True}))
    connection.recv(1)
    table = {f"unconfined: {name}": outcome(each) for name, each in looks(parent).items()}
    if not filtered:
        # As on another machine.
        confinement.CALLS.clear()
    render_worker.restrict()
    table |= {name: outcome(each) for name, each in attacks(parent).items()}
    connection.sendall(encoded({RESULT: {"fields": {"body": json.dumps(table)}, "counts": {}}}))
    connection.recv(1)


async def be_attacked(user: int, *arguments: str) -> str:
    """Be the operator, which becomes the user when the worker has started; return the table."""
    process = Running(*PROGRAM, "worker", str(user), *arguments)

    def start() -> Running:
        become(user)
        protect_memory()
        # As for the private keys of receivers.
        os.close(os.open(f"/proc/self/fd/{os.memfd_create('key')}", os.O_RDONLY))
        return process

    renderer = RenderWorker(start=start)
    result = await renderer.run("shop", redact_fields, texts={"body": "x" * 9}, dedup_key="", rules={})
    return str(result["fields"]["body"])


if __name__ == "__main__":
    side, number, kernel = sys.argv[1:]
    if side == "worker":
        attack(int(number), filtered=kernel == "filtered")
    else:
        print(asyncio.run(be_attacked(int(number), kernel)))  # noqa: T201 - the result
