"""An API server and etcd that a script kills, freezes and starts again; their data and ports stay."""

from __future__ import annotations

import base64
import contextlib
import signal
import ssl
import subprocess
from typing import TYPE_CHECKING

import yaml

from tests.chaos.ports import lasting_port
from tests.harness.authority import Authority
from tests.harness.control_plane import (
    GROUPS,
    prepare,
    until_ready,
    write_kubeconfig,
)
from tests.harness.control_plane_commands import ControlPlaneLayout, api_server, etcd
from tools.localcluster.toolchain import ensure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ENDS_WITHIN = 10.0


class Server:
    """One of the two programs."""

    def __init__(self, programs: Path, command: Sequence[str], folder: Path) -> None:
        name, *arguments = command
        self._command = [str(programs / name), *arguments]
        self._log = folder / f"{name}.log"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running process."""
        assert self._process is not None, f"{self._command[0]} was never started"
        return self._process

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, unless it runs; it is not ready yet."""
        if not self.runs:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command, env={}, cwd=self._folder, stdout=log, stderr=log
                )

    def kill(self) -> None:
        """End it as a power failure does."""
        if self.runs:
            self.process.kill()
            self.process.wait()

    def freeze(self) -> None:
        """Stop it; its connections stay open and nothing answers."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it in order."""
        if self.runs:
            self.thaw()
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=ENDS_WITHIN)
            self.kill()


class Servers:
    """Both programs in a folder; `start` returns when the API server is ready."""

    def __init__(self, folder: Path) -> None:
        programs = ensure(GROUPS).bin
        self.folder = folder
        self.layout = ControlPlaneLayout(
            folder=folder, store=lasting_port(), peers=lasting_port(), api=lasting_port()
        )
        self.authority: Authority = prepare(self.layout)
        self.next_authority = Authority(_created(folder / "next"))
        """Another one, which signs nothing until `rotate_authority`; clients of the tests trust both."""
        self.kubeconfig = write_kubeconfig(self.layout, self.authority)
        self._trust_both()
        self.etcd = Server(programs, etcd(self.layout), folder)
        self.api = Server(programs, api_server(self.layout), folder)

    @property
    def url(self) -> str:
        return self.layout.server

    def start(self) -> None:
        """Start what does not run, and wait until the API server is ready.

        Raises:
            ControlPlaneError: it is not ready in time.
        """
        for server in (self.etcd, self.api):
            server.start()
            server.thaw()
        until_ready(self.layout, self.trust(), self.api.process, self.etcd.process)

    @property
    def both_authorities(self) -> str:
        """Both certificates, as a file holds them during a rotation."""
        return self.authority.file.read_text("ascii") + self.next_authority.file.read_text("ascii")

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.both_authorities)

    def rotate_certificate(self, authority: Authority) -> None:
        """Give the API server a new certificate of an authority; it reads the files again by itself."""
        identity = authority.issue("apiserver")
        for source, name in ((identity.certificate, "apiserver.crt"), (identity.key, "apiserver.key")):
            if source != self.folder / name:
                (self.folder / name).write_bytes(source.read_bytes())

    def _trust_both(self) -> None:
        document = yaml.safe_load(self.kubeconfig.read_text("utf-8"))
        bundle = base64.b64encode(self.both_authorities.encode()).decode()
        document["clusters"][0]["cluster"]["certificate-authority-data"] = bundle
        self.kubeconfig.write_text(yaml.safe_dump(document), "utf-8")

    def stop(self) -> None:
        self.api.stop()
        self.etcd.stop()


def _created(folder: Path) -> Path:
    folder.mkdir()
    return folder
