"""The sandbox program: executed as process 1 where the machine's architecture has it, and decoded for arm64."""

from __future__ import annotations

import signal
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness.eventually import eventually
from tools.localcluster.image import sandbox
from tools.localcluster.toolchain.layout import architecture

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMESPACE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")
IGNORED, SET, BASE = 56, 88, 0x400000


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def sandboxed(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The program as process 1 of a namespace: the process that started it, and its own identifier."""
    file = tmp_path / "pause"
    file.write_bytes(sandbox.program(architecture()))
    file.chmod(0o755)
    with subprocess.Popen([*NAMESPACE, file]) as parent:
        try:
            (pid,) = eventually(lambda: children(parent.pid), bool, within=10.0)
            eventually(lambda: is_waiting(pid), bool, within=10.0)
            yield parent, pid
        finally:
            parent.kill()


def is_waiting(pid: int) -> bool:
    """Return whether the program sleeps; it does so only in its wait for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    return "Name:\tpause\n" in status and "State:\tS" in status


@pytest.mark.parametrize("name", ["amd64", "arm64"])
def test_program_is_an_executable_file_of_under_200_bytes(name: str) -> None:
    content = sandbox.program(name)
    assert len(content) < 200
    assert content[:4] == b"\x7fELF"
    machine, entry = struct.unpack_from("<H", content, 18)[0], struct.unpack_from("<Q", content, 24)[0]
    assert (machine, entry) == ({"amd64": 0x3E, "arm64": 0xB7}[name], BASE + 120)
    assert struct.unpack_from("<Q", content, IGNORED)[0] == signal.SIG_IGN
    assert struct.unpack_from("<Q", content, SET)[0] == 1 << signal.SIGTERM - 1 | 1 << signal.SIGINT - 1


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_process_1_with_0(
    sandboxed: tuple[subprocess.Popen[bytes], int], kind: signal.Signals
) -> None:
    parent, pid = sandboxed
    subprocess.run(["kill", f"-{kind:d}", str(pid)], check=True)
    assert parent.wait(timeout=5) == 0


def test_process_1_goes_on_after_other_signals(sandboxed: tuple[subprocess.Popen[bytes], int]) -> None:
    parent, pid = sandboxed
    for kind in ("STOP", "CONT", "USR1", "HUP", "CHLD"):
        subprocess.run(["kill", f"-{kind}", str(pid)], check=True)
    with pytest.raises(subprocess.TimeoutExpired):
        parent.wait(timeout=0.2)


def test_process_1_leaves_no_orphan_as_a_zombie(sandboxed: tuple[subprocess.Popen[bytes], int]) -> None:
    _, pid = sandboxed
    enter = ("nsenter", f"--target={pid}", "--user", "--preserve-credentials", "--pid")
    subprocess.run([*enter, "sh", "-c", "sleep 0.3 &"], check=True)
    assert len(children(pid)) == 1
    eventually(lambda: children(pid), [].__eq__, within=5.0)


def arm64_calls(content: bytes, answers: dict[int, list[int]]) -> list[tuple[int, ...]]:
    """Execute the program for arm64: return each call with its arguments; `answers` are the results of a call by its number."""
    registers, at, calls = [0] * 9, 120, list[tuple[int, ...]]()
    while not calls or calls[-1][0] != 94:
        (word,) = struct.unpack_from("<I", content, at)
        register, signed = word & 31, (word >> 5 & 0x7FFFF) - ((word >> 5 & 0x40000) << 1)
        if word >> 21 == 0b110_1001_0100:  # MOVZ Xd, #immediate
            registers[register] = word >> 5 & 0xFFFF
        elif word >> 31 == 0 and word >> 24 & 31 == 0b10000:  # ADR Xd, label
            registers[register] = BASE + at + (signed << 2 | word >> 29 & 3)
        elif word == 0xD4000001:  # SVC #0
            calls.append((registers[8], *registers[:4]))
            registers[0] = answers.get(registers[8], [0]).pop(0)
        else:  # TBNZ X0, #63, label
            assert (word >> 19, register) == (0b1_0110111_11111, 0)
            offset = (word >> 5 & 0x3FFF) - ((word >> 5 & 0x2000) << 1)
            at += 4 * (offset if registers[0] < 0 else 1)
            continue
        at += 4
    return calls


def test_program_for_arm64_waits_again_after_an_interruption() -> None:
    calls = arm64_calls(sandbox.program("arm64"), {137: [-4, -4, signal.SIGTERM]})
    wait = (137, BASE + SET, 0, 0, 8)
    assert calls == [
        (134, signal.SIGCHLD, BASE + IGNORED, 0, 8),
        (135, signal.SIG_BLOCK, BASE + SET, 0, 8),
        *(wait, wait, wait),
        (94, 0, 0, 0, 8),
    ]
