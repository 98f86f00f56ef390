"""What the toolchain says about its work: the plan, the remaining time, and the progress of a build."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.localcluster.toolchain.plan import Action, Planned, compile_seconds, measured_speed, table
from tools.localcluster.toolchain.progress import Progress, Step, described, duration
from tools.localcluster.toolchain.sources.pins import GROUPS
from tools.localcluster.toolchain.work import Compiled, Work, package_seconds

KUBERNETES, ETCD, COREDNS = (
    next(group for group in GROUPS if group.name == name) for name in ("kubernetes", "etcd", "coredns")
)
SPEED = 2.0


def test_table_names_the_source_of_each_group_and_the_time() -> None:
    planned = [
        Planned(group=KUBERNETES, action=Action.COMPILE, reason="dl.k8s.io does not answer"),
        Planned(group=ETCD, action=Action.DOWNLOAD, size=21_000_000),
        Planned(group=COREDNS, action=Action.LINK, paths={"coredns": Path("/usr/bin/coredns")}),
    ]
    kubernetes, etcd, coredns, whole = table(planned, SPEED)
    expected = duration(KUBERNETES.seconds / SPEED)
    assert kubernetes.split(maxsplit=2)[2] == f"compile, about {expected}: dl.k8s.io does not answer"
    assert etcd.endswith("download, 21 MB")
    assert coredns.endswith("use what is installed")
    assert f"In all about {expected} at the present speed of this machine (100%" in whole


def test_only_what_is_compiled_takes_processor_time() -> None:
    planned = [
        Planned(group=ETCD, action=Action.DOWNLOAD),
        Planned(group=KUBERNETES, action=Action.COMPILE),
    ]
    assert compile_seconds(planned, SPEED) == KUBERNETES.seconds / SPEED


def test_nothing_to_compile_needs_no_time() -> None:
    (line,) = table([Planned(group=ETCD, action=Action.DOWNLOAD)], None)
    assert line.endswith("download")


def test_calibration_returns_a_speed() -> None:
    assert measured_speed() > 0


def step(*, estimate: float = 0.0) -> Step:
    return Step(name="kubernetes 1.36.3", text="compiling", estimate=estimate, start=0.0)


def test_remaining_time_is_the_estimate_at_first() -> None:
    assert step(estimate=100.0).remaining(30.0) == 70.0
    assert step(estimate=100.0).remaining(130.0) == 0.0
    assert step().remaining(30.0) is None


def test_remaining_time_follows_the_work_that_is_done() -> None:
    running = step()
    running.begin(400.0)
    running.advance(100.0)
    assert running.remaining(running.since + 60.0) == pytest.approx(180.0)


def test_estimate_loses_its_weight_with_the_work_that_is_done() -> None:
    running = step(estimate=1000.0)
    running.begin(100.0)
    far = running.remaining(running.since + 5.0)
    running.advance(50.0)
    near = running.remaining(running.since + 60.0)
    assert far is not None
    assert near is not None
    assert far > 1000.0
    assert 60.0 < near < 120.0


def test_estimate_of_the_work_replaces_that_of_the_pins() -> None:
    running = step(estimate=1000.0)
    running.begin(100.0, estimate=250.0)
    assert running.remaining(running.since) == 250.0


def test_line_of_a_step_has_a_bar_and_the_remaining_time() -> None:
    running = step(estimate=100.0)
    running.begin(4.0)
    running.advance(1.0)
    line = described(running, running.since + 60.0)
    assert line.startswith("kubernetes 1.36.3 [######..................] 25% (compiling, ")
    assert line.endswith("about 3 min left)")


def test_line_of_a_step_of_unknown_length_has_no_bar() -> None:
    assert described(step(), 12.0) == "kubernetes 1.36.3 (compiling, 12 s)"


def test_messages_are_plain_lines_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(interval=0.01) as progress, progress.step("etcd", "building") as running:
        running.begin(2.0)
        running.advance(1.0)
        progress.update("etcd", "linking")
    messages = capsys.readouterr().err
    assert "etcd: building" in messages
    assert "etcd: done after" in messages
    assert "\r" not in messages


def test_failed_step_is_not_reported_as_done(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress, pytest.raises(ValueError, match="reason"), progress.step("etcd", "building"):
        raise ValueError("reason")
    messages = capsys.readouterr().err
    assert "etcd: stopped after" in messages
    assert "done" not in messages


def test_compiled_packages_advance_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    running = step()
    work = Work(packages={"k8s.io/api/core/v1": 20.0, "small/one": 10.0}, linking=10.0)
    running.begin(work.seconds)
    compiled = Compiled(step=running, work=work)
    assert compiled.line("k8s.io/api/core/v1")
    assert not compiled.line("k8s.io/api/core/v1")
    assert not compiled.line("./main.go:3:1: undefined: x")
    assert running.fraction == 0.0, "its compilation has only begun"
    assert compiled.line("small/one")
    assert running.fraction == 0.5
    compiled.end()
    assert running.fraction == 1.0


RECORDED = (
    (114, 783, 41_900_000, 75_500),
    (205, 1250, 59_700_000, 222_115),
    (340, 1892, 77_500_000, 458_004),
    (427, 2335, 88_200_000, 653_852),
    (516, 2760, 100_000_000, 876_833),
    (713, 3710, 133_900_000, 1_174_072),
    (864, 4228, 164_000_000, 1_296_404),
)
"""A build of the module `programs`: processor seconds, and the packages that were begun with their bytes and dependencies."""
WHOLE = (975, 4444, 176_664_268, 1_367_471)
LINKING = 38.0
CORES = 2


def recorded_seconds(record: tuple[int, int, int, int]) -> float:
    _, packages, size, dependencies = record
    return package_seconds(packages=packages, size=size, dependencies=dependencies)


@pytest.mark.parametrize("record", RECORDED, ids=[f"{100 * record[0] // WHOLE[0]}%" for record in RECORDED])
@pytest.mark.parametrize("misjudged", [0.6, 1.0, 1.6])
def test_remaining_time_of_a_recorded_build_is_right(
    record: tuple[int, int, int, int], misjudged: float
) -> None:
    """Within a factor of 1.5 also if the speed of the machine was misjudged at first."""
    work = recorded_seconds(WHOLE) + LINKING
    running = step()
    running.begin(work, estimate=work / CORES * misjudged)
    running.advance(recorded_seconds(record))
    remaining = running.remaining(running.since + record[0] / CORES)
    assert remaining is not None
    assert 1 / 1.5 < remaining / ((WHOLE[0] - record[0]) / CORES) < 1.5
