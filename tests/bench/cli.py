"""Measure the command line and its page with many notifications, half of them failed, on an API server of their own.

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
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from kubernetes.aio import client, config

from tests.cli.cluster import COMMAND, Cluster
from tests.harness.control_plane import control_plane
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

OBJECTS = 20_000
NAMESPACES = 10
CONCURRENCY = 64
FAILED_EVERY = 2
PLACE = ("kubernaut.ai", "v1alpha1")
PLURAL = "notificationrequests"
BODY = "61 % of the orders fail since 14:30. " * 20
RECEIVER = {"type": "slack", "slack": {"webhookUrlSecretRef": {"name": "hook"}}}
FAILED = {
    "phase": "Failed",
    "reason": "MaxRetriesExhausted",
    "message": "Not delivered",
    "totalAttempts": 1,
    "targets": [{"name": "slack/checkout", "state": "Exhausted", "attempts": 1, "lastError": "503"}],
}
LAUNCHER = """
import resource, signal, subprocess, sys
signal.signal(signal.SIGINT, lambda *_: None)
code = subprocess.run(sys.argv[1:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(code, used.ru_maxrss, used.ru_utime + used.ru_stime, file=sys.stderr)
"""
"""A small process between, because the memory of a process counts from that of its parent on."""
FILE = ROOT / "build" / "bench" / "cli.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measurement: the time of the first line, the whole time, that of processors, and the memory at its peak.

    Times of the clock depend on what else the machine does; those of processors hardly.
    """

    name: str
    lines: int
    first_seconds: float
    seconds: float
    cpu_seconds: float
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
        cluster.install_receivers()
        start = time.monotonic()
        asyncio.run(_fill(plane.kubeconfig, objects))
        print(f"{objects} notifications created in {time.monotonic() - start:.0f} s", flush=True)  # noqa: T201 - for a person
        figures = list(_measure(cluster, objects))
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps([asdict(figure) for figure in figures], indent=2), "utf-8")
    for figure in figures:
        print(  # noqa: T201 - for a person
            f"{figure.name:34} {figure.lines:6} lines  first {figure.first_seconds:5.2f} s  all {figure.seconds:6.2f} s"
            f"  CPU {figure.cpu_seconds:5.2f} s  peak {figure.peak_mb:4.0f} MB  {figure.bar}"
            f" {'' if figure.holds else 'MISSED'}"
        )
    return 0 if all(figure.holds for figure in figures) else 1


def _measure(cluster: Cluster, objects: int) -> list[Figure]:
    failed = objects // FAILED_EVERY
    one = "order-00000 -n bench-0"
    completing = {"_NOTIF_COMPLETE": "complete_bash", "COMP_WORDS": "notif ls --ph", "COMP_CWORD": "2"}
    return [
        _command(cluster, "--help", bar=START),
        _command(cluster, "", name="completion of ls --ph", lines=1, bar=START, **completing),
        _command(cluster, f"show {one}", bar=FIRST),
        _command(cluster, f"why {one}", bar=FIRST),
        _command(cluster, "ls -A", lines=objects + 1, bar=FIRST),
        _command(cluster, "ls -A --limit 100", lines=101, bar=FIRST),
        _command(cluster, "ls -A --phase Failed", lines=failed + 1, bar=FIRST),
        _command(cluster, "ls -A --receiver checkout", lines=objects + 1, bar=FIRST),
        _command(cluster, "ls -A --since 7d -o name", lines=objects, bar=FIRST),
        _command(cluster, "ls -A -o json", bar=FIRST),
        _command(cluster, "top", lines=NAMESPACES + 1, bar=MEMORY),
        _command(cluster, "redrive -A", lines=501, bar=MEMORY),
        _page(cluster, ""),
        _page(cluster, "?phase=Failed&phase=PartiallySent"),
        _page(cluster, "?receiver=checkout"),
        _page(cluster, "?receiver=absent"),
        _page(cluster, "receivers"),
    ]


def _within(figure: Figure, bar: Bar) -> bool:
    return figure.first_seconds <= bar.seconds and figure.peak_mb <= PEAK_MB


@dataclass(frozen=True, slots=True)
class Bar:
    """What a measurement must reach: seconds until the first line; every one keeps to the same memory."""

    seconds: float

    def __str__(self) -> str:
        """Return the bar in words."""
        return f"first <= {self.seconds:g} s" if self.seconds < NEVER else ""


PEAK_MB = 120
NEVER = 1e9
START, FIRST, MEMORY = Bar(0.3), Bar(1.0), Bar(NEVER)


def _command(
    cluster: Cluster, words: str, *, bar: Bar, name: str = "", lines: int | None = None, **environment: str
) -> Figure:
    """Measure a command once its modules are compiled; its memory is that of its process."""
    if bar is START:
        # The first run of a checkout writes the compiled modules.
        _ended(_started(cluster, words, **environment))
    start = time.monotonic()
    process = _started(cluster, words, **environment)
    assert process.stdout is not None
    count, first = 0, 0.0
    for count, _ in enumerate(process.stdout, 1):  # noqa: B007 - the last one is the number of lines
        first = first or time.monotonic() - start
    seconds = time.monotonic() - start
    ended = _ended(process)
    assert ended.code == 0, words
    assert lines is None or count == lines, (words, count)
    return _figure(name=name or words, lines=count, first=first, seconds=seconds, ended=ended, bar=bar)


def _started(cluster: Cluster, words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, *COMMAND, *words.split()],
        env={**cluster.environment(), "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a process has ended."""

    code: int
    peak_mb: float
    cpu_seconds: float


def _ended(process: subprocess.Popen[str]) -> Ended:
    """Wait for the end of the command line."""
    _, err = process.communicate(timeout=30)
    code, peak, seconds = err.splitlines()[-1].split()
    return Ended(code=int(code), peak_mb=int(peak) / 1024, cpu_seconds=float(seconds))


def _page(cluster: Cluster, path: str) -> Figure:
    """Measure a page of the web page, once its server runs; it has at most 100 KB."""
    process = _started(cluster, "web -A")
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    start = time.monotonic()
    with urlopen(f"{url}{path}", timeout=30) as response:  # noqa: S310 - the address that it printed
        text: bytes = response.read(1)
        first = time.monotonic() - start
        text += response.read()
    seconds = time.monotonic() - start
    # As Ctrl-C does: to the whole group, in which the launcher waits for the end.
    os.killpg(process.pid, signal.SIGINT)
    ended = _ended(process)
    assert len(text) <= PAGE_BYTES, (path, len(text))
    name = f"web /{path[:20]} ({len(text) // 1000} KB)"
    rows = max(text.count(b"<tr>") - 1, 0)
    return _figure(name=name, lines=rows, first=first, seconds=seconds, ended=ended, bar=FIRST)


PAGE_BYTES = 100_000


def _figure(*, name: str, lines: int, first: float, seconds: float, ended: Ended, bar: Bar) -> Figure:
    figure = Figure(
        name=name,
        lines=lines,
        first_seconds=round(first, 3),
        seconds=round(seconds, 3),
        cpu_seconds=round(ended.cpu_seconds, 3),
        peak_mb=round(ended.peak_mb, 1),
        bar=", ".join(filter(None, (str(bar), f"peak <= {PEAK_MB} MB"))),
    )
    return replace(figure, holds=_within(figure, bar))


async def _fill(kubeconfig: Path, objects: int) -> None:
    """Create the notifications, one in ten of them failed."""
    api = await config.new_client_from_config(str(kubeconfig))
    async with api:
        for number in range(NAMESPACES):
            await client.CoreV1Api(api).create_namespace({"metadata": {"name": f"bench-{number}"}})
            receiver = {
                "apiVersion": "/".join(PLACE),
                "kind": "NotificationReceiver",
                "metadata": {"name": "checkout"},
                "spec": RECEIVER,
            }
            place = (*PLACE, f"bench-{number}", "notificationreceivers")
            await client.CustomObjectsApi(api).create_namespaced_custom_object(*place, receiver)
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
            "receiverRefs": [{"name": "checkout"}],
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
