"""What the kernel denies: calls to the render worker, and the memory of this process to others (DD-SANDBOX-001)."""

from __future__ import annotations

import ctypes
import errno
import platform
import resource
import struct
import sys
from typing import Final

PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 4, 22, 38
LOAD, EQUALS, RETURN = 0x20, 0x15, 0x06
"""Instructions of a filter."""
ALLOW, DENY = 0x7FFF0000, 0x00050000 | errno.EPERM
CALLS: Final = {
    "x86_64": (0xC000003E, 302, "1 9 10 11 12 15 25 28 44 45 60 98 202 219 228 230 231"),
    "aarch64": (0xC00000B7, 261, "64 222 226 215 214 139 216 233 206 207 93 165 98 128 113 115 94"),
}
"""By machine: its number, `prlimit64`, and `write`, `mmap`, `mprotect`, `munmap`, `brk`, `rt_sigreturn`, `mremap`, `madvise`, `sendto`,
`recvfrom`, `exit`, `getrusage`, `futex`, `restart_syscall`, `clock_gettime`, `clock_nanosleep` and `exit_group`."""
NOTHING: Final = (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE)
"""Limits that are 0; descriptors that are open stay."""


def confine() -> bool:
    """Deny this process files, connections and processes; return whether the kernel also filters its system calls.

    Raises:
        OSError: the kernel has filters, and refuses this one.
    """
    for limit in NOTHING:
        resource.setrlimit(limit, (0, 0))
    try:
        filter_calls()
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return False
    return True


def protect_memory() -> None:
    """Deny other processes of this user the memory, environment and files of this one; root keeps its access."""
    if sys.platform == "linux":
        _prctl(PR_SET_DUMPABLE, 0)


def filter_calls() -> None:
    """Allow this process only the calls of a computation, and `prlimit64` for itself.

    Raises:
        OSError: EINVAL if the kernel has no filters, or none for this machine.
    """
    machine, limits, allowed = CALLS.get(platform.machine(), (0, 0, ""))
    steps = [(LOAD, 0, 0, 4), (EQUALS, 1, 0, machine), (RETURN, 0, 0, DENY), (LOAD, 0, 0, 0)]
    for number in map(int, allowed.split()):
        steps += [(EQUALS, 0, 1, number), (RETURN, 0, 0, ALLOW)]
    # Its first argument is the process.
    steps += [(EQUALS, 0, 3, limits), (LOAD, 0, 0, 16), (EQUALS, 0, 1, 0), (RETURN, 0, 0, ALLOW)]
    code = b"".join(struct.pack("HBBI", *step) for step in (*steps, (RETURN, 0, 0, DENY)))
    content = ctypes.create_string_buffer(code)
    size = len(code) // 8 if machine else 0
    program = ctypes.create_string_buffer(struct.pack("HP", size, ctypes.addressof(content)))
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _prctl(PR_SET_SECCOMP, 2, ctypes.addressof(program))


def _prctl(option: int, value: int, pointer: int = 0) -> None:
    arguments = (ctypes.c_ulong(each) for each in (value, pointer, 0, 0))
    if ctypes.CDLL(None, use_errno=True).prctl(option, *arguments):
        raise OSError(ctypes.get_errno(), "prctl")
