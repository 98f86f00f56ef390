"""Runs the sink until SIGTERM."""

from __future__ import annotations

import asyncio
import signal

from tests.harness.sink.app import Sink

PORT = 8080


async def serve() -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    sink = Sink()
    await sink.start("0.0.0.0", PORT)  # noqa: S104 - a pod's port
    await stopped.wait()
    await sink.stop()


if __name__ == "__main__":
    asyncio.run(serve())
