"""Prometheus and Alertmanager as processes: a rule that fires while a metric says so, and its webhook to the gateway."""

from __future__ import annotations

import contextlib
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import urllib3
import yaml
from prometheus_client import CollectorRegistry, Gauge, start_http_server
from urllib3.exceptions import HTTPError

from tests.api_server.gateway.place import HOST, TOKEN
from tests.harness.control_plane import running
from tests.harness.eventually import eventually
from tools.localcluster.toolchain import ensure
from tools.platform.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

ALERT: Final = "Burning"
INSTANCES: Final = ("a", "b")
PACE: Final = "500ms"
"""Of scrapes, evaluations and groups: an installation's minute, scaled."""
READY_WITHIN: Final = 60.0


class Alerting:
    """A Prometheus, whose alert fires for what burns, and its Alertmanagers."""

    def __init__(self, burning: Gauge, alertmanagers: Sequence[int]) -> None:
        self._burning = burning
        self._alertmanagers = alertmanagers
        self._http = urllib3.PoolManager(retries=False)

    def post(self, began: datetime, ends: datetime) -> None:
        """Report an alert to every Alertmanager, as a Prometheus does that is of another opinion than this one."""
        labels = {"alertname": ALERT, "place": "elsewhere", "severity": "critical"}
        alert = {"labels": labels, "startsAt": began.isoformat(), "endsAt": ends.isoformat()}
        for port in self._alertmanagers:
            answer = self._http.request("POST", f"http://{HOST}:{port}/api/v2/alerts", json=[alert])
            assert answer.status == HTTPStatus.OK, answer.data

    def burn(self, *places: str) -> None:
        """Let the alert fire for these places, and for no other."""
        for each in INSTANCES:
            self._burning.labels(place=each).set(each in places)

    @property
    def posts(self) -> float:
        """How many requests the Alertmanagers have sent."""
        return self._sum("alertmanager_notification_requests_total")

    @property
    def failures(self) -> float:
        """How many of them have failed."""
        return self._sum("alertmanager_notification_requests_failed_total")

    def _sum(self, name: str) -> float:
        pages = (_get(self._http, port, "/metrics").data.decode() for port in self._alertmanagers)
        wanted = f'{name}{{integration="webhook"}}'
        return sum(
            float(line.split()[-1]) for page in pages for line in page.splitlines() if line.startswith(wanted)
        )


@contextmanager
def alerting(folder: Path, hook: str, *, alertmanagers: int = 1, repeat: str = "4h") -> Iterator[Alerting]:
    """Run a Prometheus and some Alertmanagers, which know each other and do not wait for each other.

    Args:
        folder: for configuration, data and logs.
        hook: the URL of the source.
        alertmanagers: how many.
        repeat: their `repeat_interval`.
    """
    programs = ensure(["prometheus", "alertmanager"]).bin
    registry = CollectorRegistry()
    burning = Gauge("burning", "Whether a place burns.", ("place",), registry=registry)
    exporter, thread = start_http_server(0, HOST, registry)
    ports, peers = ([free_port() for _ in range(alertmanagers)] for _ in range(2))
    own = free_port()
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(thread.join)
        cleanup.callback(exporter.server_close)
        cleanup.callback(exporter.shutdown)
        for index, port in enumerate(ports):
            where = folder / f"alertmanager-{index}"
            where.mkdir()
            _write(where / "config.yml", _routes(hook, repeat))
            options = [
                f"--config.file={where / 'config.yml'}",
                f"--storage.path={where}",
                f"--web.listen-address={HOST}:{port}",
                *_cluster(peers, index),
            ]
            cleanup.enter_context(running(programs, ["alertmanager", *options], where))
        _write(folder / "rules.yml", _rules())
        _write(folder / "prometheus.yml", _scrapes(f"{HOST}:{exporter.server_port}", ports))
        options = [
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={HOST}:{own}",
        ]
        cleanup.enter_context(running(programs, ["prometheus", *options], folder))
        ready = Alerting(burning, ports)
        ready.burn()
        for port in (own, *ports):
            eventually(partial(_is_ready, port), bool, within=READY_WITHIN)
        yield ready


def _cluster(peers: Sequence[int], own: int) -> list[str]:
    if len(peers) == 1:
        return ["--cluster.listen-address="]
    others = [f"--cluster.peer={HOST}:{port}" for index, port in enumerate(peers) if index != own]
    # Without a time-out both send the same at the same time, as two do that have lost each other.
    return [
        f"--cluster.listen-address={HOST}:{peers[own]}",
        "--cluster.peer-timeout=0s",
        "--cluster.gossip-interval=20ms",
        *others,
    ]


def _routes(hook: str, repeat: str) -> dict[str, Any]:
    webhook = {
        "url": hook,
        "send_resolved": True,
        "http_config": {"authorization": {"type": "Bearer", "credentials": TOKEN}},
    }
    return {
        "route": {
            "receiver": "gateway",
            "group_by": ["alertname"],
            "group_wait": "0s",
            "group_interval": PACE,
            "repeat_interval": repeat,
        },
        "receivers": [{"name": "gateway", "webhook_configs": [webhook]}],
    }


def _rules() -> dict[str, Any]:
    rule = {
        "alert": ALERT,
        "expr": "burning == 1",
        "labels": {"severity": "critical"},
        "annotations": {"summary": "{{ $labels.place }} burns"},
    }
    return {"groups": [{"name": "fire", "rules": [rule]}]}


def _scrapes(target: str, alertmanagers: Sequence[int]) -> dict[str, Any]:
    addresses = [f"{HOST}:{port}" for port in alertmanagers]
    return {
        "global": {"scrape_interval": PACE, "scrape_timeout": PACE, "evaluation_interval": PACE},
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": "fire", "static_configs": [{"targets": [target]}]}],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": addresses}]}]},
    }


def _write(file: Path, content: object) -> None:
    file.write_text(yaml.safe_dump(content), "utf-8")


def _get(http: urllib3.PoolManager, port: int, path: str) -> urllib3.BaseHTTPResponse:
    return http.request("GET", f"http://{HOST}:{port}{path}", timeout=5.0)


def _is_ready(port: int) -> bool:
    try:
        return bool(_get(urllib3.PoolManager(retries=False), port, "/-/ready").status == HTTPStatus.OK)
    except HTTPError:
        return False
