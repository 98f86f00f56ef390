"""`notif web` as a process, and what it answers."""

from __future__ import annotations

import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import urlopen

from tests.cli.cluster import COMMAND

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.cluster import Cluster


@contextmanager
def page(cluster: Cluster, *arguments: str, kubeconfig: Path | None = None) -> Iterator[str]:
    """Run `notif web`; gives the address that it prints. It ends as with Ctrl-C."""
    process = subprocess.Popen(
        [*COMMAND, "web", *arguments],
        env={**cluster.environment(kubeconfig), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0


def read(url: str) -> str:
    """Return the text of a page."""
    with urlopen(url, timeout=30) as response:  # noqa: S310 - the address that the command printed
        text: str = response.read().decode()
    return text


def answer(url: str) -> tuple[int, str]:
    """Return status and text of a page, also of one that says what is wrong."""
    try:
        return 200, read(url)
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()
