"""Programs that run on this machine for a part of the demonstration, and end with it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from http import HTTPStatus
from typing import TYPE_CHECKING

import urllib3
from urllib3.exceptions import HTTPError

from tools.localcluster.toolchain import ensure
from tools.platform.demo.cluster import DemoError, wait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "127.0.0.1"
GROUPS = ("prometheus", "alertmanager")
READY_SECONDS = 30.0


@contextlib.contextmanager
def running(name: str, *arguments: str, folder: Path, ready: str) -> Iterator[None]:
    """Run a program of the toolchain or of PATH until the end of the block, which begins when a URL answers.

    Its log is in the folder.

    Raises:
        DemoError: the program does not exist, has ended, or does not answer in time.
    """
    program = shutil.which(name, path=ensure(GROUPS).env()["PATH"])
    if program is None:
        raise DemoError(f"there is no program {name}", hint="install it, or add its folder to PATH")
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, *arguments], cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )

    def answers() -> bool:
        if process.poll() is not None:
            *_, last = log.read_text("utf-8", errors="replace").splitlines() or [""]
            raise DemoError(f"{name} has ended: {last}")
        return _answers(ready)

    try:
        wait(answers, seconds=READY_SECONDS, what=f"{name} answers")
        yield
    finally:
        # Nothing that it has stored is needed again.
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        answer = urllib3.request("GET", url, timeout=5.0, retries=False)
    except HTTPError:
        return False
    return answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
