"""The sandbox program: a static ELF file of under 200 bytes, which holds a pod's namespaces open until a signal ends it.

It makes four system calls: ignore SIGCHLD, so that the kernel reaps orphans; block SIGTERM and SIGINT, because process 1 never gets a
signal that is neither blocked nor handled; wait for one of the two, again after an interruption; exit with 0.
"""

from __future__ import annotations

import signal
import struct

_BASE = 0x400000
_HEADERS = 64 + 56
# No data follow the code: two values are in the headers, at these offsets.
_IGNORE = 56
"""A struct sigaction: e_phnum and the three empty fields after it are SIG_IGN. The kernel uses no other field of it then."""
_SIGNALS = 64 + 24
"""A signal set: Linux does not use p_paddr."""
_SET_BYTES = 8


def program(architecture: str) -> bytes:
    """Return the program for `architecture`, which is amd64 or arm64."""
    machine, code = {"amd64": (0x3E, _amd64), "arm64": (0xB7, _arm64)}[architecture]
    body = code()
    size = _HEADERS + len(body)
    identification = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)  # 64 bits, little-endian, version 1
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", identification, 2, machine, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    blocked = sum(1 << number - 1 for number in (signal.SIGTERM, signal.SIGINT))
    # One segment, readable and executable: the whole file.
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, blocked, size, size, 0x10000)
    return header + segment + body


def _amd64() -> bytes:
    """The number of a call is in rax; its arguments are in rdi, rsi, rdx and r10, and the call keeps them."""
    rax, rdi, rsi, rdx, r10 = b"\xb8", b"\xbf", b"\xbe", b"\xba", b"\x41\xba"

    def call(number: int, **values: int) -> bytes:
        registers = {"first": rdi, "second": rsi, "third": rdx, "fourth": r10}
        moves = (registers[name] + struct.pack("<I", value) for name, value in values.items())
        return rax + struct.pack("<I", number) + b"".join(moves) + b"\x0f\x05"

    ignore = call(13, first=signal.SIGCHLD, second=_BASE + _IGNORE, third=0, fourth=_SET_BYTES)
    block = call(14, first=signal.SIG_BLOCK, second=_BASE + _SIGNALS)
    wait = call(128, first=_BASE + _SIGNALS, second=0)
    wait += b"\x85\xc0\x78" + struct.pack("<b", -len(wait) - 4)  # test eax, eax; js to its start
    return ignore + block + wait + call(231, first=0)


def _arm64() -> bytes:
    """The number of a call is in x8; its arguments are in x0 to x3, and the call keeps them except x0."""
    code: list[int] = []

    def move(register: int, value: int) -> None:
        code.append(0xD2800000 | value << 5 | register)

    def address(register: int, offset: int) -> None:
        distance = offset - _HEADERS - 4 * len(code)
        code.append(0x10000000 | (distance & 3) << 29 | (distance >> 2 & 0x7FFFF) << 5 | register)

    def call(number: int) -> None:
        move(8, number)
        code.append(0xD4000001)

    move(0, signal.SIGCHLD)
    address(1, _IGNORE)
    move(2, 0)
    move(3, _SET_BYTES)
    call(134)  # rt_sigaction
    move(0, signal.SIG_BLOCK)
    address(1, _SIGNALS)
    call(135)  # rt_sigprocmask
    wait = len(code)
    address(0, _SIGNALS)
    move(1, 0)
    call(137)  # rt_sigtimedwait
    code.append(0xB7F80000 | (wait - len(code) & 0x3FFF) << 5)  # to its start if x0 is negative
    move(0, 0)
    call(94)  # exit_group
    return struct.pack(f"<{len(code)}I", *code)
