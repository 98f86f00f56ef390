"""The fault proxy in a thread of the test process, for operators that are local processes."""

from __future__ import annotations

import asyncio
import base64
import selectors
import ssl
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.harness.faultproxy.app import FaultProxy, ProxyAddress
from tests.harness.sinks_in_cluster import NAMESPACE, PROXY_CERTIFICATE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.cluster import Cluster

HERE = ProxyAddress(host="127.0.0.1", api_port=0, control_port=0)
ENDS_WITHIN = 10.0
OWN_SOCKETS = 1
"""The socket that wakes the event loop."""


@contextmanager
def proxy_thread(cluster: Cluster) -> Iterator[ProxyAddress]:
    """Serve in front of the cluster's API server, with the certificate of the proxy in the cluster."""
    with serving(_proxy(cluster)) as address:
        yield address


@contextmanager
def serving(proxy: FaultProxy) -> Iterator[ProxyAddress]:
    """Serve in a thread, and leave nothing open at the end."""
    selector = selectors.DefaultSelector()
    loop = asyncio.SelectorEventLoop(selector)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield asyncio.run_coroutine_threadsafe(proxy.start(HERE), loop).result(timeout=ENDS_WITHIN)
    for step in (proxy.stop(), _closed(selector)):
        asyncio.run_coroutine_threadsafe(step, loop).result(timeout=ENDS_WITHIN)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def _closed(selector: selectors.BaseSelector) -> None:
    """Return when no connection of the event loop is left.

    An aborted one may still be in its TLS shutdown after the proxy has stopped; its socket would be reported
    as unclosed during a later test.
    """
    while len(selector.get_map()) > OWN_SOCKETS:  # noqa: ASYNC110 - no event reports the last one
        await asyncio.sleep(0.01)


def _proxy(cluster: Cluster) -> FaultProxy:
    secret = cluster.request("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/{PROXY_CERTIFICATE}")["data"]
    identity = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in secret.items():
            (Path(folder) / name).write_bytes(base64.b64decode(content))
        identity.load_cert_chain(Path(folder) / "tls.crt", Path(folder) / "tls.key")
    trust = ssl.create_default_context(cadata=base64.b64decode(secret["ca.crt"]).decode())
    return FaultProxy(upstream=cluster.api.configuration.host, trust=trust, identity=identity)
