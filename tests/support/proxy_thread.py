"""The fault proxy in a thread of the tests' own process, for an operator that is a local process too."""

from __future__ import annotations

import asyncio
import base64
import ssl
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.faultproxy.app import FaultProxy, Place
from tests.support.sinks_in_cluster import CERTIFICATE, NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.cluster import Cluster

HERE = Place(host="127.0.0.1", api_port=0, control_port=0)


@contextmanager
def proxy_thread(cluster: Cluster) -> Iterator[Place]:
    """Serve before the cluster's API server, with the certificate that the proxy in the cluster has."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    proxy = _proxy(cluster)
    yield asyncio.run_coroutine_threadsafe(proxy.start(HERE), loop).result(timeout=10)
    asyncio.run_coroutine_threadsafe(proxy.stop(), loop).result(timeout=10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def _proxy(cluster: Cluster) -> FaultProxy:
    secret = cluster.request("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/{CERTIFICATE}")["data"]
    identity = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in secret.items():
            (Path(folder) / name).write_bytes(base64.b64decode(content))
        identity.load_cert_chain(Path(folder) / "tls.crt", Path(folder) / "tls.key")
    trust = ssl.create_default_context(cadata=base64.b64decode(secret["ca.crt"]).decode())
    return FaultProxy(upstream=cluster.api.configuration.host, trust=trust, identity=identity)
