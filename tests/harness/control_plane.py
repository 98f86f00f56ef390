"""An API server and its etcd as two processes of this machine, without the other components of a cluster.

A measured controller shares the machine with only these two processes.
"""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.harness.authority import Authority
from tests.harness.control_plane_commands import ControlPlaneLayout, api_server, etcd
from tests.harness.eventually import eventually
from tests.harness.programs import undisturbed
from tests.kit.kubeconfig import kubeconfig
from tools.localcluster.toolchain import ensure
from tools.platform.ports import free_port
from tools.platform.processes import terminated_as_interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.harness.authority import Identity

PEM = serialization.Encoding.PEM
GROUPS = ("etcd", "kubernetes")
READY_WITHIN, ENDS_WITHIN = 60.0, 10.0
SHOWN = 3000
"""The length of a log's end in an error, in characters."""
ADMIN = "admin"
SERVICE_ACCOUNT_KEY = "service-account.key"


class ControlPlaneError(Exception):
    """The API server or etcd did not start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """The ids of both processes, an administrator's kubeconfig, and the folder of the audit log."""

    kubeconfig: Path
    etcd: int
    api_server: int
    audit: Path
    version: str
    """The version of the API server, such as `v1.36.3`."""
    service_account_key: Path
    """The private key that signs the tokens of service accounts."""


@contextmanager
def control_plane() -> Iterator[ControlPlane]:
    """Start both processes in a temporary folder; end them and remove the folder after the block.

    Raises:
        ToolchainError: a program is not available.
        ControlPlaneError: a process did not start; the message contains the end of its log.
    """
    with terminated_as_interrupted(), contextlib.ExitStack() as cleanup:
        programs = ensure(GROUPS).bin
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="control-plane-")))
        layout = ControlPlaneLayout(folder=folder, store=free_port(), peers=free_port(), api=free_port())
        authority = prepare(layout)
        store = cleanup.enter_context(running(programs, etcd(layout), folder))
        server = cleanup.enter_context(running(programs, api_server(layout), folder))
        trust = ssl.create_default_context(cafile=str(authority.file))
        until_ready(layout, trust, server, store)
        yield ControlPlane(
            kubeconfig=write_kubeconfig(layout, authority),
            etcd=store.pid,
            api_server=server.pid,
            audit=layout.audit,
            version=json.loads(_get(f"{layout.server}/version", trust))["gitVersion"],
            service_account_key=folder / SERVICE_ACCOUNT_KEY,
        )


@contextmanager
def running(programs: Path, command: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the end of the block, with its output in a log of its name.

    Its environment is empty, because variables that Go or etcd read would change the measurement.
    """
    name, *arguments = command
    with _log(folder, name).open("ab") as log:
        process = subprocess.Popen(
            [str(programs / name), *arguments], env={}, cwd=folder, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        with undisturbed():
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def until_ready(
    layout: ControlPlaneLayout,
    trust: ssl.SSLContext,
    server: subprocess.Popen[bytes],
    store: subprocess.Popen[bytes],
) -> None:
    def is_ready() -> bool:
        for name, process in (("etcd", store), ("kube-apiserver", server)):
            if process.poll() is not None:
                raise ControlPlaneError(f"{name} exited:\n{_log_end(layout.folder, name)}")
        with contextlib.suppress(OSError):
            return _get(f"{layout.server}/readyz", trust) == b"ok"
        return False

    try:
        eventually(is_ready, bool, within=READY_WITHIN)
    except AssertionError:
        end = _log_end(layout.folder, "kube-apiserver")
        raise ControlPlaneError(f"kube-apiserver is not ready after {READY_WITHIN:g} s:\n{end}") from None


def _get(url: str, trust: ssl.SSLContext) -> bytes:
    with urlopen(url, context=trust, timeout=5.0) as response:  # noqa: S310 - https by construction
        content: bytes = response.read()
    return content


def _log(folder: Path, name: str) -> Path:
    return folder / f"{name}.log"


def _log_end(folder: Path, name: str) -> str:
    return _log(folder, name).read_text("utf-8", errors="replace")[-SHOWN:]


def prepare(layout: ControlPlaneLayout) -> Authority:
    """Create the files that the API server reads."""
    layout.audit.mkdir()
    authority = Authority(layout.folder)
    authority.issue("apiserver")
    _write_key_pair(layout.folder / SERVICE_ACCOUNT_KEY, layout.folder / "service-account.pub")
    return authority


def _write_key_pair(private: Path, public: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private.touch(mode=0o600)
    private.write_bytes(
        key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public.write_bytes(key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo))


def write_kubeconfig(layout: ControlPlaneLayout, authority: Authority) -> Path:
    """Write an administrator's kubeconfig, which contains its certificates."""
    identity: Identity = authority.issue(ADMIN, organization="system:masters")
    cluster = {"server": layout.server, "certificate-authority-data": _encoded(authority.file)}
    user = {
        "client-certificate-data": _encoded(identity.certificate),
        "client-key-data": _encoded(identity.key),
    }
    file = layout.folder / "kubeconfig"
    file.touch(mode=0o600)
    file.write_text(kubeconfig(cluster, user, name=ADMIN), "utf-8")
    return file


def _encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
