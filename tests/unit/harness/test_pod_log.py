"""A container's log is read incrementally, without duplicates and gaps."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.harness.pod_log import PodLog

START = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


class Kubelet:
    """Responds as the log API does: lines since a second, the last one possibly incomplete."""

    def __init__(self) -> None:
        self.lines: list[tuple[datetime, str]] = []
        self.unfinished = ""
        self.asked: list[str] = []

    def write(self, after: float, text: str) -> None:
        """Write a line so many seconds after the start."""
        self.lines.append((START + timedelta(seconds=after), text))

    def fetch(self, since: str) -> str:
        self.asked.append(since)
        wanted = datetime.fromisoformat(since)
        lines = [f"{moment.isoformat()} {text}\n" for moment, text in self.lines if moment >= wanted]
        return "".join(lines) + self.unfinished


def numbers(log: PodLog) -> list[int]:
    return [record["n"] for record in log.records()]


def test_second_read_fetches_new_lines_only() -> None:
    kubelet = Kubelet()
    log = PodLog(kubelet.fetch, START)
    kubelet.write(1.1, '{"n": 1}')
    kubelet.write(7.2, '{"n": 2}')
    assert numbers(log) == [1, 2]
    kubelet.write(7.3, '{"n": 3}')
    assert numbers(log) == [1, 2, 3]
    assert kubelet.asked == ["2026-01-01T12:00:00Z", "2026-01-01T12:00:07Z"]


def test_incomplete_line_is_returned_by_a_later_read() -> None:
    kubelet = Kubelet()
    log = PodLog(kubelet.fetch, START)
    kubelet.write(1.0, '{"n": 1}')
    kubelet.unfinished = f'{(START + timedelta(seconds=1.5)).isoformat()} {{"n": '
    assert numbers(log) == [1]
    kubelet.unfinished = ""
    kubelet.write(1.5, '{"n": 2}')
    assert numbers(log) == [1, 2]


def test_rest_of_a_split_line_is_ignored() -> None:
    log = PodLog(lambda _since: 'rest of it"}\n2026-01-01T12:00:01.5Z {"n": 2}\n', START)
    assert numbers(log) == [2]


def test_log_of_a_deleted_container_keeps_its_records() -> None:
    kubelet = Kubelet()
    log = PodLog(kubelet.fetch, START)
    for text in ("Traceback:", "{broken", '{"n": 1}'):
        kubelet.write(1.0, text)
    assert numbers(log) == [1]
    kubelet.lines.clear()
    assert numbers(log) == [1]


@given(st.lists(st.tuples(st.floats(0, 0.7), st.booleans()), max_size=40))
def test_records_are_returned_once_and_in_order_at_any_time(
    steps: list[tuple[float, bool]],
) -> None:
    kubelet, moment, written = Kubelet(), 0.0, 0
    log = PodLog(kubelet.fetch, START)
    for pause, look in steps:
        moment += pause
        kubelet.write(moment, json.dumps({"n": written}))
        written += 1
        if look:
            assert numbers(log) == list(range(written))
    assert numbers(log) == list(range(written))
