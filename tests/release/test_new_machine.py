"""A new machine that reaches the hosts of releases: the stack comes up and delivers without Go and without root.

The hosts are played on this machine: each address of pins.toml answers with the programs of this machine's toolchain.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.harness.local_registry import local_registry
from tests.harness.release_hosts import release_hosts
from tests.kit.pages import transcribe
from tests.release.registry import docker, push_base
from tools.localcluster.image.base import published
from tools.localcluster.image.images import ensure_base_image
from tools.localcluster.toolchain import ensure
from tools.localcluster.toolchain.sources import releases
from tools.localcluster.toolchain.sources.pins import GROUPS
from tools.platform.pulumi.environment import ROOT
from tools.platform.release.oci import digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.harness.release_hosts import ReleaseHosts

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

USER: Final = 10_001
UMASK: Final = 0o027
"""Files that the user makes, the checkout among them, cannot be read by others."""
DEMONSTRATED: Final = "alertmanager"
"""The optional group that `make demo` needs."""
SOCKET: Final = Path("/var/run/docker.sock")
DIRECT: Final = "127.0.0.1,localhost,10.0.0.0/8,172.16.0.0/12,.pypi.org,.pythonhosted.org,.debian.org"
"""What is reached without the hosts of releases: this machine, its containers, and the registries of packages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    checkout: Path
    environment: Mapping[str, str]
    hosts: ReleaseHosts

    def run(self, *command: str) -> str:
        """Run a command in the checkout, as a user who may use Docker and nothing else."""
        group = SOCKET.stat().st_gid
        user = ["setpriv", f"--reuid={USER}", f"--regid={group}", "--clear-groups"]
        began = time.monotonic()
        done = subprocess.run(
            [*user, *command],
            cwd=self.checkout,
            env=dict(self.environment),
            umask=UMASK,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - began
        transcribe(" ".join(command), f"{done.stdout}({seconds:.0f} s)")
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A user with an empty home and a checkout; everything is removed in the end."""
    ensure_base_image()
    before = images()
    path = without_go(os.environ.get("PATH", os.defpath))
    with tempfile.TemporaryDirectory(prefix="new-machine-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        checkout, home = folder / "checkout", folder / "home"
        home.mkdir()
        git("clone", "--quiet", str(ROOT), str(checkout))
        with local_registry(folder) as registry, release_hosts(folder) as hosts:
            serve_toolchain(hosts, checkout, folder)
            serve_base(registry, checkout)
            git(
                "-C",
                str(checkout),
                "commit",
                "--quiet",
                "--all",
                "--no-verify",
                "--message",
                "Use the hosts of this test",
            )
            for owned in (checkout, home):
                subprocess.run(["chown", "--recursive", str(USER), str(owned)], check=True)
            trusted = folder / "trusted.pem"
            trusted.write_bytes(authorities() + hosts.certificate.read_bytes())
            environment = {
                **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))},
                **hosts.environment(),
                "SSL_CERT_FILE": str(trusted),
                "NO_PROXY": DIRECT,
                "no_proxy": DIRECT,
                "PATH": path,
                "HOME": str(home),
                "USER": "newcomer",
            }
            made = Machine(checkout=checkout, environment=environment, hosts=hosts)
            try:
                yield made
            finally:
                made.run("make", "down", "ARGS=--yes")
                # The next stack of this machine uses its own base again.
                ensure_base_image()
                for image in images() - before:
                    docker("rmi", "--force", image)


def without_go(path: str) -> str:
    """Return the folders of a path that other users can read, without those with Go or Pulumi."""
    own = (str(Path.home()), str(ROOT))
    return os.pathsep.join(
        folder
        for folder in path.split(os.pathsep)
        if not folder.startswith(own) and not any(Path(folder, name).exists() for name in ("go", "pulumi"))
    )


def authorities() -> bytes:
    file = os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt"
    return Path(file).read_bytes()


def serve_toolchain(hosts: ReleaseHosts, checkout: Path, folder: Path) -> None:
    """Serve an archive of each release with the programs of this machine, and pin what is served in the checkout."""
    ensure([DEMONSTRATED])
    toolchain, lines = ensure(), []
    for group in GROUPS:
        if group.optional and group.name != DEMONSTRATED:
            continue
        for number, file in enumerate(releases.files_of(group)):
            programs = {
                member: (toolchain.place(group) / program).resolve()
                for program, member in file.members.items()
            }
            archive = programs.get("") or _archive(folder / f"{group.name}-{number}.tar", programs)
            with archive.open("rb") as content:
                lines.append(f"{hashlib.file_digest(content, 'sha256').hexdigest()}  {file.url}\n")
            hosts.files[file.url] = archive
    (checkout / releases.CHECKSUMS.relative_to(ROOT)).write_text("".join(lines))


def _archive(path: Path, programs: Mapping[str, Path]) -> Path:
    with tarfile.open(path, "w") as archive:
        for member, program in programs.items():
            archive.add(program, member)
    return path


def serve_base(registry: str, checkout: Path) -> None:
    """Serve the base image of this machine, and name it in the Dockerfile of the checkout."""
    name = f"{registry}/python"
    pushed = digest(push_base(name, "slim"))
    file, base = checkout / "Dockerfile", published()
    text = file.read_text("utf-8")
    assert f"{base.name}@{base.digest}" in text
    file.write_text(text.replace(f"{base.name}@{base.digest}", f"{name}:slim@{pushed}"), "utf-8")


def images() -> set[str]:
    return set(docker("images", "--no-trunc", "--format", "{{.ID}}").splitlines())


def git(*arguments: str) -> None:
    author = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    subprocess.run(["git", *author, *arguments], check=True, umask=UMASK)


def test_stack_comes_up_and_delivers_without_go_and_root(machine: Machine) -> None:
    assert shutil.which("go", path=machine.environment["PATH"]) is None
    output = machine.run("make", "up")
    assert "compile" not in output
    machine.run("make", "demo")
    downloaded = {request.removeprefix("GET ") for request in machine.hosts.requests}
    assert {
        address for address in machine.hosts.files if "pulumi" in address or "kube" in address
    } <= downloaded
