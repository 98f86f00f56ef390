"""A small Prometheus with an alert about a disk, and an Alertmanager that posts it to a source."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from tools.platform.demo.programs import HOST, running
from tools.platform.ports import free_port
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = ROOT / "examples" / "demo" / "alerting"
GATEWAY_URL = "http://notification-gateway.notification-system.svc"
ALERTMANAGER, EXPORTER = "alertmanager:9093", "db-1:9100"
"""Addresses in the configuration, like that of the gateway, which this machine does not know."""
OPTIONS = {
    "alertmanager": ("--storage.path=data", "--cluster.listen-address="),
    # An alert can be sent before Prometheus knows Alertmanager, and by default is sent again only a minute later.
    "prometheus": ("--storage.tsdb.path=series", "--rules.alert.resend-delay=5s"),
}


@contextlib.contextmanager
def alerting(gateway: str, token: str) -> Iterator[Gauge]:
    """Run both until the end of the block, and yield which part of the disk is used.

    Args:
        gateway: its URL.
        token: what the source accepts.
    """
    registry = CollectorRegistry()
    used = Gauge("disk_used_ratio", "The part of the disk that is used.", registry=registry)
    addresses = {name: f"{HOST}:{free_port()}" for name in OPTIONS}
    with contextlib.ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="demo-alerting-")))
        exporter, thread = start_http_server(0, HOST, registry)
        for end in (thread.join, exporter.server_close, exporter.shutdown):
            cleanup.callback(end)
        places = {
            GATEWAY_URL: gateway,
            ALERTMANAGER: addresses["alertmanager"],
            EXPORTER: f"{HOST}:{exporter.server_port}",
        }
        for file in FOLDER.glob("*.yml"):
            text = file.read_text("utf-8")
            for name, address in places.items():
                text = text.replace(name, address)
            (folder / file.name).write_text(text, "utf-8")
        (folder / "token").write_text(token, "utf-8")
        for name, options in OPTIONS.items():
            arguments = (f"--config.file={name}.yml", f"--web.listen-address={addresses[name]}", *options)
            ready = f"http://{addresses[name]}/-/ready"
            cleanup.enter_context(running(name, *arguments, folder=folder, ready=ready))
        yield used
