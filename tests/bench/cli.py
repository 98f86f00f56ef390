"""Measure the command line and its page with many notifications on an API server of their own.

`python -m tests.bench.cli [--objects N]` creates the objects, prints a table, and writes build/bench/cli.json. The exit
code is 0 only if every bar is reached.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from kubernetes.aio import client, config

from tests.cli.cluster import COMMAND, Cluster
from tests.harness.control_plane import control_plane
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OBJECTS = 20_000
NAMESPACES = 10
CONCURRENCY = 64
FAILED_EVERY = 10
PLACE = ("kubernaut.ai", "v1alpha1")
PLURAL = "notificationrequests"
BODY = "61 % of the orders fail since 14:30. " * 20
FAILED = {"phase": "Failed", "reason": "AllDeliveriesFailed", "message": "Not delivered", "totalAttempts": 1}
LAUNCHER = """
import resource, signal, subprocess, sys
signal.signal(signal.SIGINT, lambda *_: None)
code = subprocess.run(sys.argv[1:]).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""
"""A small process between, because the memory of a process counts from that of its parent on."""
FILE = ROOT / "build" / "bench" / "cli.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measurement: the time of the first line, the whole time, and the memory at its peak."""

    name: str
    lines: int
    first_seconds: float
    seconds: float
    peak_mb: float
    bar: str = ""
    holds: bool = True


def main(arguments: list[str]) -> int:
    """Create the objects and measure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cli", description=__doc__)
    parser.add_argument("--objects", type=int, default=OBJECTS)
    objects = parser.parse_args(arguments).objects
    with control_plane() as plane:
        cluster = Cluster(plane.kubeconfig)
        cluster.install_crd()
        start = time.monotonic()
        asyncio.run(_fill(plane.kubeconfig, objects))
        print(f"{objects} notifications created in {time.monotonic() - start:.0f} s", flush=True)  # noqa: T201 - for a person
        figures = list(_measure(cluster, objects))
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps([asdict(figure) for figure in figures], indent=2), "utf-8")
    for figure in figures:
        print(  # noqa: T201 - for a person
            f"{figure.name:34} {figure.lines:6} lines  first {figure.first_seconds:5.2f} s  all {figure.seconds:6.2f} s"
            f"  peak {figure.peak_mb:4.0f} MB  {figure.bar} {'' if figure.holds else 'MISSED'}"
        )
    return 0 if all(figure.holds for figure in figures) else 1


def _measure(cluster: Cluster, objects: int) -> list[Figure]:
    failed = objects // FAILED_EVERY
    return [
        _command(cluster, "ls -A", objects + 1, "peak <= 150 MB", lambda each: each.peak_mb <= 150),
        _command(cluster, "ls -A --limit 100", 101),
        _command(cluster, "ls -A --phase Failed", failed + 1),
        _command(cluster, "ls -A --since 7d -o name", objects),
        _command(cluster, "ls -A -o json", None, "peak <= 150 MB", lambda each: each.peak_mb <= 150),
        _command(cluster, "top", NAMESPACES + 1, "peak <= 150 MB", lambda each: each.peak_mb <= 150),
        _page(cluster),
    ]


def _command(
    cluster: Cluster,
    words: str,
    lines: int | None,
    bar: str = "",
    holds: Callable[[Figure], bool] = lambda _figure: True,
) -> Figure:
    """Measure a verb; its memory is that of its process."""
    start = time.monotonic()
    process = _started(cluster, words)
    assert process.stdout is not None
    count, first = 0, 0.0
    for count, _ in enumerate(process.stdout, 1):  # noqa: B007 - the last one is the number of lines
        first = first or time.monotonic() - start
    seconds = time.monotonic() - start
    code, peak = _ended(process)
    assert code == 0, words
    assert lines is None or count == lines, (words, count)
    figure = _figure(words, count, first, seconds, peak)
    return Figure(**{**asdict(figure), "bar": bar, "holds": holds(figure)})


def _started(cluster: Cluster, words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, *COMMAND, *words.split()],
        env={**cluster.environment(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def _ended(process: subprocess.Popen[str]) -> tuple[int, int]:
    """Return the exit code of the command line, and its memory at its peak in KB."""
    _, err = process.communicate(timeout=30)
    code, peak = err.splitlines()[-1].split()
    return int(code), int(peak)


def _page(cluster: Cluster) -> Figure:
    """Measure the first page of the web page, once its server runs."""
    process = _started(cluster, "web -A")
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    start = time.monotonic()
    with urlopen(url, timeout=30) as response:  # noqa: S310 - the address that it printed
        text: bytes = response.read(1)
        first = time.monotonic() - start
        text += response.read()
    seconds = time.monotonic() - start
    # As Ctrl-C does: to the whole group, in which the launcher waits for the end.
    os.killpg(process.pid, signal.SIGINT)
    _, peak = _ended(process)
    figure = _figure(f"web, page of {len(text) // 1000} KB", text.count(b"<tr>") - 1, first, seconds, peak)
    holds = figure.first_seconds <= 1.0 and len(text) <= 100_000
    return Figure(**{**asdict(figure), "bar": "first <= 1 s, <= 100 KB", "holds": holds})


def _figure(name: str, lines: int, first: float, seconds: float, peak: int) -> Figure:
    return Figure(
        name=name,
        lines=lines,
        first_seconds=round(first, 3),
        seconds=round(seconds, 3),
        peak_mb=round(peak / 1024, 1),
    )


async def _fill(kubeconfig: Path, objects: int) -> None:
    """Create the notifications, one in ten of them failed."""
    api = await config.new_client_from_config(str(kubeconfig))
    async with api:
        for number in range(NAMESPACES):
            await client.CoreV1Api(api).create_namespace({"metadata": {"name": f"bench-{number}"}})
        custom, numbers = client.CustomObjectsApi(api), iter(range(objects))
        await asyncio.gather(*(_create(custom, numbers) for _ in range(CONCURRENCY)))


async def _create(custom: Any, numbers: Any) -> None:
    for number in numbers:
        namespace, name = f"bench-{number % NAMESPACES}", f"order-{number:05}"
        spec = {
            "type": "simple",
            "priority": "high",
            "subject": f"Checkout is failing {number}",
            "body": BODY,
        }
        obj = {
            "apiVersion": "/".join(PLACE),
            "kind": "NotificationRequest",
            "metadata": {"name": name, "labels": {"kubernaut.ai/severity": "critical"}},
            "spec": spec,
        }
        created = await custom.create_namespaced_custom_object(*PLACE, namespace, PLURAL, obj)
        if number % FAILED_EVERY == 0:
            body = {**created, "status": FAILED}
            await custom.replace_namespaced_custom_object_status(*PLACE, namespace, PLURAL, name, body)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
