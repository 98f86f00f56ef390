"""Runs the fault proxy in a pod, in front of the API server of its cluster, until SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from pathlib import Path

from yarl import URL

from tests.harness.faultproxy.app import FaultProxy, ProxyAddress

FILES = Path("/etc/faultproxy")
"""The files of a Secret: tls.crt and tls.key to serve as the API server, ca.crt to verify the real one."""
PLACE = ProxyAddress(host="0.0.0.0", api_port=8443, control_port=8080)  # noqa: S104 - a pod's ports


async def serve() -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    identity = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    identity.load_cert_chain(FILES / "tls.crt", FILES / "tls.key")
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    proxy = FaultProxy(
        upstream=str(URL.build(scheme="https", host=host, port=int(port))),
        trust=ssl.create_default_context(cafile=str(FILES / "ca.crt")),
        identity=identity,
    )
    await proxy.start(PLACE)
    await stopped.wait()
    await proxy.stop()


if __name__ == "__main__":
    asyncio.run(serve())
