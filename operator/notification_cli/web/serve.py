"""Serves the page on 127.0.0.1 until it is interrupted."""

from __future__ import annotations

import asyncio
import secrets
import socket
import webbrowser
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING, Final

from aiohttp import web

from notification_cli.errors import CliError, ExitCode
from notification_cli.kube.kubeconfig import SERVICE_ACCOUNT_CONTEXT
from notification_cli.web.application import Application
from notification_cli.web.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notification_cli.rules import Rules
    from notification_cli.session import Session

ADDRESS: Final = "127.0.0.1"
SHUTDOWN_SECONDS: Final = 0.5
REDIRECT: Final = (
    '<!doctype html><meta http-equiv="refresh" content="0; url={0}"><a href="{0}">Open the page</a>\n'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    port: int
    all_namespaces: bool
    open_browser: bool
    rules: Rules
    kubeconfig: str = ""
    """The file that the user named, which the commands on the page name, too."""

    async def run(self, session: Session) -> int:
        listener = listen(self.port)
        port, root = listener.getsockname()[1], f"/{secrets.token_urlsafe(16)}"
        namespace = "" if self.all_namespaces else session.namespace
        application = Application(
            Source(session, self.rules),
            root=root,
            namespace=namespace,
            scope=f"{session.connection.context}, {namespace or 'all namespaces'}",
            clock=session.clock,
            options=self._options(session),
        )
        runner = web.AppRunner(application.build(port), shutdown_timeout=SHUTDOWN_SECONDS, access_log=None)
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            url = f"http://{ADDRESS}:{port}{root}/"
            session.screen.line(url)
            session.screen.flush()
            session.screen.note("read-only, with your rights; Ctrl-C ends it")
            with opened(url) if self.open_browser else nullcontext():
                await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            return ExitCode.OK
        finally:
            await runner.cleanup()
        return ExitCode.OK

    def _options(self, session: Session) -> tuple[str, ...]:
        """Return the options by which a command reaches the same cluster."""
        context = session.connection.context
        named = ("--context", context) if context != SERVICE_ACCOUNT_CONTEXT else ()
        return (*named, *(("--kubeconfig", self.kubeconfig) if self.kubeconfig else ()))


@contextmanager
def opened(url: str) -> Iterator[None]:
    """Open a URL in the browser through a file that leads to it.

    All users of the machine can read the arguments of the browser's process; the file, only this one.
    """
    with TemporaryDirectory(prefix="notif-") as folder:
        file = Path(folder) / "page.html"
        file.touch(0o600)
        file.write_text(REDIRECT.format(escape(url)), "utf-8")
        # A browser of the console returns at its end. No thread that asyncio would wait for.
        Thread(target=webbrowser.open, args=(file.as_uri(),), daemon=True).start()
        yield


def listen(port: int) -> socket.socket:
    """Return a socket that listens on this machine alone.

    Raises:
        CliError: the port is in use.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((ADDRESS, port))
    except OSError as error:
        listener.close()
        raise CliError(
            f"port {port} of {ADDRESS} cannot be used: {error.strerror}", code=ExitCode.USAGE
        ) from None
    return listener
