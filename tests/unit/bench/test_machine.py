"""CPU time and memory from /proc."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from tests.bench.machine import TICKS, cpu_seconds, memory, parse_stat, pod_peaks


def test_cpu_time_is_user_and_system_time_of_any_program() -> None:
    tail = f"S 1 12 12 0 -1 4194304 98 7 0 0 {3 * TICKS} {TICKS} 900 900 20 0 1 0 1176665 3133440 360"
    assert [parse_stat(f"12 ({name}) {tail}") for name in ("etcd", "a (b) c")] == [4.0, 4.0]


def test_busy_process_uses_measurable_time_and_memory() -> None:
    before = cpu_seconds(os.getpid())
    held = bytearray(40 * 1024 * 1024)
    until = time.process_time() + 0.1
    while time.process_time() < until:
        held[::4096] = held[::4096]
    assert cpu_seconds(os.getpid()) - before >= 0.08
    result = memory(os.getpid())
    assert result.peak >= result.now > 40


CHILD = "import sys; held = b'x' * 50_000_000; del held; print(flush=True); sys.stdin.read()"
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-I', '-S', '-c', sys.argv[1]])"


def test_memory_of_a_pod_is_that_of_the_process_and_its_children() -> None:
    command = [sys.executable, "-I", "-S", "-c", PARENT, CHILD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        own, peak = pod_peaks(parent.pid)
        _, later = pod_peaks(parent.pid)
        assert own > 5
        assert later < 40 < peak, "a peak counts once"
        parent.communicate()
