"""Lets each Python program that has this folder on PYTHONPATH run as on a Mac, as far as Linux can play one.

`platform` names a Mac; functions and flags that only Linux has are missing; /proc is not there, except for psutil, which reads on Linux
from it. Uses that must not be, /proc and a fork without a new program, are also written to a file that MAC_LOG names.

Not played: `sys.platform`, because the standard library would import modules that Linux does not have, and the kernel itself.
"""

import os
import platform
import select
import signal
import socket
import sys
import traceback

LINUX_ONLY = {
    os: "memfd_create pidfd_open eventfd sched_getaffinity sched_setaffinity setns unshare splice posix_fadvise O_TMPFILE O_PATH",
    select: "epoll",
    signal: "pidfd_send_signal SIGRTMIN SIGRTMAX SIGPWR SIGSTKFLT SIGPOLL sigwaitinfo sigtimedwait",
    socket: "AF_NETLINK SOCK_CLOEXEC SOCK_NONBLOCK SO_PEERCRED",
}
FILES = {"open", "os.listdir", "os.scandir"}
FORKS = {"os.fork", "os.forkpty"}


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event in FILES and _path(arguments[0]).startswith("/proc"):
        if any("/psutil/" in frame.filename for frame in traceback.extract_stack()):
            return
        _note(f"{event} {arguments[0]}")
        raise FileNotFoundError(arguments[0])
    if event in FORKS:
        _note(event)
    if event == "ctypes.dlsym" and arguments[1] == "prctl":
        raise AttributeError("prctl")


def _path(file: object) -> str:
    return os.fsdecode(file) if isinstance(file, str | bytes | os.PathLike) else ""


def _note(use: str) -> None:
    if log := os.environ.get("MAC_LOG"):
        place = "".join(traceback.format_stack(limit=6)[:-2])
        with open(log, "a", encoding="utf-8") as file:  # noqa: PTH123 - nothing else is imported in every program
            file.write(f"{use}\n{place}\n")


platform.system = lambda: "Darwin"
platform.machine = lambda: "arm64"
for module, names in LINUX_ONLY.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
sys.addaudithook(_audit)
