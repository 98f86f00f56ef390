"""The Docker daemon: the one that answers, or, for root on Debian, one that this module installs and starts.

`python3 -m tools.localcluster.runtime.dockerd [stop]`. Only a daemon started here is ever stopped here.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from tools.localcluster.toolchain import cache_dir

if TYPE_CHECKING:
    from collections.abc import Sequence

_START_SECONDS = 40.0
_STOP_SECONDS = 20.0
_ANSWER_SECONDS = 10
_SHOWN_LINES = 10
_PID_FILES = {
    Path("/var/run/docker.pid"): "dockerd",
    Path("/var/run/docker/containerd/containerd.pid"): "containerd",
}
_PROGRAMS_OF_PACKAGES = {"docker.io": ("dockerd", "docker"), "debootstrap": ("debootstrap",)}


class DockerUnavailableError(Exception):
    """There is no Docker daemon and none can be started; the text says why and what to do."""


def ensure_docker(*, packages: Sequence[str] = ()) -> None:
    """Returns once a daemon answers; `packages` (of Debian) are installed too where that is possible.

    Raises:
        DockerUnavailableError: No daemon answers and none can be started here.
    """
    wanted = [name for name in packages if _missing(name)]
    answer = _ask()
    if answer is None:
        if wanted and _may_install():
            _install(wanted)
        return
    if "permission denied" in answer:
        raise DockerUnavailableError(
            "Docker runs but refuses you: `sudo usermod -aG docker $USER` and log in again, or run this with sudo"
        )
    if os.environ.get("DOCKER_HOST"):
        raise DockerUnavailableError(
            f"DOCKER_HOST={os.environ['DOCKER_HOST']} does not answer ({answer}): start that daemon or unset the variable"
        )
    _start_own(wanted, answer)


def stop_docker_if_ours() -> bool:
    """Stops the daemon that `ensure_docker` started; False when there is none."""
    pid = _own_pid()
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while _own_pid() is not None and time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.1)
    _pid_file().unlink(missing_ok=True)
    return True


def _ask() -> str | None:
    """None when a daemon answers, else what stood in the way."""
    try:
        done = subprocess.run(
            ["docker", "version", "--format={{.Server.Version}}"],
            capture_output=True,
            text=True,
            timeout=_ANSWER_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return "there is no `docker` on PATH"
    except subprocess.TimeoutExpired:
        return f"`docker version` did not answer within {_ANSWER_SECONDS} s"
    return None if done.returncode == 0 else done.stderr.strip()


def _may_install() -> bool:
    return os.geteuid() == 0 and Path("/etc/debian_version").exists()


def _start_own(wanted: list[str], answer: str) -> None:
    if not _may_install():
        raise DockerUnavailableError(
            f"no Docker daemon answers ({answer}): start Docker (`sudo systemctl start docker`, or Docker Desktop), "
            "install it (https://docs.docker.com/engine/install), or set clusterKind to `existing`"
        )
    if _missing("docker.io"):
        wanted = [*wanted, "docker.io"]
    if wanted:
        _install(wanted)
    _start()


def _missing(package: str) -> bool:
    return any(_find(program) is None for program in _PROGRAMS_OF_PACKAGES.get(package, (package,)))


def _find(program: str) -> str | None:
    """Daemons lie in sbin, which is not on everyone's PATH."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    return shutil.which(program, path=path)


def _install(packages: Sequence[str]) -> None:
    print(f"docker: installing {' '.join(packages)} with apt-get", file=sys.stderr)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "--quiet"],
        ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages],
    ):
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode != 0:
            raise DockerUnavailableError(
                f"`{' '.join(command)}` failed; check the network and /etc/apt, then run the same command again:\n"
                f"{done.stderr.strip()}"
            )


def _start() -> None:
    folder = cache_dir() / "docker"
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "dockerd.log"
    _drop_stale_pid_files()
    with log.open("wb") as output:
        daemon = subprocess.Popen(
            [_find("dockerd") or "dockerd"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
        )
    _pid_file().write_text(str(daemon.pid))
    print(f"docker: started dockerd, its log is {log}", file=sys.stderr)
    deadline = time.monotonic() + _START_SECONDS
    while (answer := _ask()) is not None:
        if daemon.poll() is not None or time.monotonic() > deadline:
            with log.open(errors="replace") as lines:
                last = "".join(deque(lines, maxlen=_SHOWN_LINES))
            raise DockerUnavailableError(f"dockerd does not come up ({answer}); the end of {log}:\n{last}")
        time.sleep(0.2)


def _pid_file() -> Path:
    return cache_dir() / "docker" / "dockerd.pid"


def _own_pid() -> int | None:
    """The process that this module started, when it still runs and still is a dockerd."""
    return _running(_pid_file(), "dockerd")


def _running(pid_file: Path, program: str) -> int | None:
    """The process that a pid file names, when it still runs and still is that program."""
    try:
        pid = int(pid_file.read_text())
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError):
        return None
    return pid if name == program and state != "Z" else None


def _drop_stale_pid_files() -> None:
    """A daemon that was killed leaves files that keep the next one from starting."""
    for pid_file, program in _PID_FILES.items():
        if pid_file.exists() and _running(pid_file, program) is None:
            pid_file.unlink()


def main(arguments: list[str]) -> int:
    """Starts or stops; the exit code is 0 when that went well."""
    if arguments == ["stop"]:
        print("stopped" if stop_docker_if_ours() else "no Docker daemon of ours runs")
        return 0
    try:
        ensure_docker()
    except DockerUnavailableError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("Docker answers")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
