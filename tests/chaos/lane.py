"""A lane: an API server, a receiver and a fault proxy of its own, on which scenarios run one after another."""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from notification_contract.crds import notification_request
from tests.chaos.loop_thread import LoopThread
from tests.chaos.servers import Servers
from tests.chaos.tcp_faults import Mode, TcpFaults
from tests.harness.cluster import Cluster
from tests.harness.eventually import eventually
from tests.harness.faultproxy.app import FaultProxy, ProxyAddress
from tests.harness.faultproxy_client import FaultProxy as ProxyClient
from tests.harness.sink.app import Sink

if TYPE_CHECKING:
    from types import TracebackType

LOCALHOST = "127.0.0.1"
HERE = ProxyAddress(host=LOCALHOST, api_port=0, control_port=0)


class Lane:
    """Everything outside the operator. `receiver` is where operators deliver to, `sink` the server behind it."""

    def __init__(self) -> None:
        self._cleanup = contextlib.ExitStack()
        folder = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        self.servers = Servers(folder)
        self._reachable = False
        self._cleanup.callback(self.servers.stop)
        self._loop = LoopThread()
        self._cleanup.callback(self._loop.close)

    def __enter__(self) -> Self:
        try:
            self.servers.start()
            self.cluster = Cluster(self.servers.kubeconfig)
            self._serve_receiver()
            self._serve_proxy()
            self.install_kind()
        except BaseException:
            self._cleanup.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def install_kind(self) -> None:
        """Apply the CRD, and wait until the API server serves it."""
        self.cluster.apply(dict(notification_request()))
        eventually(self.cluster.has_kind, bool, within=30)

    def remove_kind(self) -> None:
        """Delete the CRD and with it all notifications."""
        name = notification_request()["metadata"]["name"]
        self.cluster.text("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
        eventually(self.cluster.has_kind, lambda served: not served, within=60)

    def recover(self) -> None:
        """Return to a state without faults, whatever the last script has left."""
        self.servers.start()
        self.connection(Mode.PASS)
        self.reachable(yes=True)
        self.proxy.clear()
        self.install_kind()

    def connection(self, mode: Mode) -> None:
        """Let new connections to the receiver behave this way, and reset the existing ones."""
        self._network.mode = mode
        self._loop.run(self._network.cut())

    def reachable(self, *, yes: bool) -> None:
        """Let the receiver accept connections, or refuse them."""
        if yes != self._reachable:
            self._loop.run(self._network.start() if yes else self._network.stop())
            self._reachable = yes

    def _serve_receiver(self) -> None:
        sink = Sink()
        port = self._loop.run(sink.start(LOCALHOST, 0))
        self._cleanup.callback(lambda: self._loop.run(sink.stop()))
        self._network = TcpFaults(port)
        self.reachable(yes=True)
        self._cleanup.callback(lambda: self._loop.run(self._network.stop()))
        self.sink = f"http://{LOCALHOST}:{port}"
        self.receiver = f"http://{LOCALHOST}:{self._network.port}"

    def _serve_proxy(self) -> None:
        authority = self.servers.authority
        proxy = FaultProxy(
            upstream=self.servers.url, trust=self.servers.trust(), identity=authority.identity("proxy")
        )
        address = self._loop.run(proxy.start(HERE))
        self._cleanup.callback(lambda: self._loop.run(proxy.stop()))
        self.proxied = f"https://{LOCALHOST}:{address.api_port}"
        self.proxy = ProxyClient(f"http://{LOCALHOST}:{address.control_port}")


def pause(seconds: float) -> None:
    """Let an outage last: here the time itself is the fault, so nothing can be waited for."""
    time.sleep(seconds)  # the length of the fault
