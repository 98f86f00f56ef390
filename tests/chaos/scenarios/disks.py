"""The disk of the file channel is full, or slow."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from tests.chaos.lane import pause
from tests.chaos.mounts import inside, on_small_disk
from tests.chaos.scenario import scenario
from tests.chaos.stage import Stage, files_in
from tests.harness.eventually import eventually

FILES = {"channelsFileEnabled": True}
SLOW_DISK = Path(__file__).parents[1] / "slow_disk"


@scenario("The disk of the file channel is full, and gets space 8 s later", unreached=True)
def full_disk(stage: Stage) -> None:
    folder = Path(stage.cleanup.enter_context(tempfile.TemporaryDirectory(prefix="disk-")))
    operator = stage.operator(settings=FILES, prefix=on_small_disk(folder, 256), variables=files_in(folder))
    disk = Path(inside(operator.pid, folder))
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):  # until the disk is full
        while True:
            file.write(b"0" * 1024)
    stage.create(10, channels=["file"])
    eventually(lambda: "no space left" in str(stage.stored()), bool, within=30)
    pause(5)
    ballast.unlink()
    stage.settle(within=60)
    stage.collect_files(disk)


@scenario("Every fsync takes 4 s, longer than an attempt may, until the disk recovers", unreached=True)
def slow_disk(stage: Stage) -> None:
    operator = stage.operator(settings=FILES, start=False)
    operator.set_variables(
        PYTHONPATH=f"{SLOW_DISK}{os.pathsep}{operator.variables['PYTHONPATH']}", CHAOS_FSYNC_SECONDS="4"
    )
    stage.start(operator)
    stage.create(6, channels=["file"])
    stage.create(10)
    stage.wait_for_hits(10, within=20)
    pause(6)
    operator.set_variables(CHAOS_FSYNC_SECONDS="0")
    operator.stop()
    stage.start(operator)
    stage.settle(within=60)
    stage.collect_files(operator.folder / "files")
