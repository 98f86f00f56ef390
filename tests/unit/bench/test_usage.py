"""CPU time and memory from /proc."""

from __future__ import annotations

import os
import time

import pytest

from tests.bench.machine import TICKS, between, memory, parse_stat, parse_status, processor_seconds


def stat(name: str, user: int, system: int) -> str:
    return f"12 ({name}) S 1 12 12 0 -1 4194304 98 7 0 0 {user} {system} 900 900 20 0 1 0 1176665 3133440 360"


def test_cpu_time_is_user_and_system_time_without_children() -> None:
    assert parse_stat(stat("etcd", 3 * TICKS, TICKS)) == 4.0


def test_program_name_may_contain_parentheses() -> None:
    assert parse_stat(stat("a (b) c", TICKS, 0)) == 1.0


@pytest.mark.parametrize("line", ["", "12 (cat) S 1", "nonsense " * 20])
def test_invalid_stat_line_is_rejected(line: str) -> None:
    with pytest.raises(ValueError, match="not a line"):
        parse_stat(line)


def test_usage_between_two_readings_is_the_difference() -> None:
    assert between({"etcd": 1.25}, {"etcd": 2.0, "new": 1.0}) == {"etcd": 0.75}


def test_memory_is_read_in_megabytes() -> None:
    result = parse_status("Name:\tpython\nVmHWM:\t  204800 kB\nVmRSS:\t  102400 kB\n")
    assert (result.now, result.peak) == (100.0, 200.0)


def test_busy_process_uses_measurable_time_and_memory() -> None:
    before = processor_seconds(os.getpid())
    held = bytearray(40 * 1024 * 1024)
    until = time.process_time() + 0.1
    while time.process_time() < until:
        held[::4096] = held[::4096]
    assert processor_seconds(os.getpid()) - before >= 0.08
    result = memory(os.getpid())
    assert result.peak >= result.now > 40
