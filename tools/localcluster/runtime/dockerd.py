"""The Docker daemon: a running one or, for root on Debian, a daemon that this module installs and starts.

`python -m tools.localcluster.runtime.dockerd [stop]`; `stop` only stops a daemon that this module started.
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

from platform_infra import docker_client
from platform_infra.docker_client import DockerUnavailableError
from tools.localcluster.toolchain import cache_dir

__all__ = ["DockerUnavailableError", "ensure_docker", "install_missing", "stop_docker"]

_START_SECONDS = 40.0
_STOP_SECONDS = 20.0
_ANSWER_SECONDS = 10
_SHOWN_LINES = 10
_PID_FILES = {
    Path("/var/run/docker.pid"): "dockerd",
    Path("/var/run/docker/containerd/containerd.pid"): "containerd",
}
_PROGRAMS_OF_PACKAGES = {"docker.io": ("dockerd", "docker")}


def ensure_docker() -> None:
    """Return once a daemon answers.

    Raises:
        DockerUnavailableError: no daemon answers, and this machine cannot start one.
    """
    problem = _problem()
    if problem is None:
        return
    if "permission denied" in problem.lower():
        raise DockerUnavailableError(
            f"{problem}: add yourself to the group docker (`sudo usermod -aG docker $USER`) and log in again, "
            "or run the command with sudo"
        )
    if os.environ.get("DOCKER_HOST"):
        raise DockerUnavailableError(f"{problem}: start that daemon or unset DOCKER_HOST")
    if not _may_install():
        raise DockerUnavailableError(
            f"{problem}: start Docker (`sudo systemctl start docker`, or Docker Desktop), "
            "install it (https://docs.docker.com/engine/install), or set clusterKind to `existing`"
        )
    install_missing("docker.io")
    _start()


def install_missing(package: str) -> None:
    """Install a Debian package whose programs are missing, as root on Debian.

    Raises:
        DockerUnavailableError: apt-get failed.
    """
    if _is_missing(package) and _may_install():
        _install(package)


def stop_docker() -> bool:
    """Stop the daemon that `ensure_docker` started; return False if there is none."""
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


def _problem() -> str | None:
    try:
        with docker_client.connected(seconds=_ANSWER_SECONDS):
            return None
    except DockerUnavailableError as error:
        return str(error)


def _may_install() -> bool:
    return os.geteuid() == 0 and Path("/etc/debian_version").exists()


def _is_missing(package: str) -> bool:
    return any(_find(program) is None for program in _PROGRAMS_OF_PACKAGES.get(package, (package,)))


def _find(program: str) -> str | None:
    """Return the path of a program; daemons are in sbin, which is not on every user's PATH."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    return shutil.which(program, path=path)


def _install(package: str) -> None:
    print(f"docker: installing {package} with apt-get", file=sys.stderr)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "--quiet"],
        ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", package],
    ):
        process = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if process.returncode != 0:
            raise DockerUnavailableError(
                f"`{' '.join(command)}` failed; check the network and /etc/apt, then run the same command again:\n"
                f"{process.stderr.strip()}"
            )


def _start() -> None:
    folder = cache_dir() / "docker"
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "dockerd.log"
    remove_stale_pid_files()
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
    print(f"docker: started dockerd; its log is {log}", file=sys.stderr)
    deadline = time.monotonic() + _START_SECONDS
    while (problem := _problem()) is not None:
        if daemon.poll() is not None or time.monotonic() > deadline:
            with log.open(errors="replace") as lines:
                last = "".join(deque(lines, maxlen=_SHOWN_LINES))
            raise DockerUnavailableError(f"dockerd did not start ({problem}); the end of {log}:\n{last}")
        time.sleep(0.2)


def _pid_file() -> Path:
    return cache_dir() / "docker" / "dockerd.pid"


def _own_pid() -> int | None:
    return _running(_pid_file(), "dockerd")


def _running(pid_file: Path, program: str) -> int | None:
    try:
        pid = int(pid_file.read_text())
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError):
        return None
    return pid if name == program and state != "Z" else None


def remove_stale_pid_files() -> None:
    """Remove the pid files of a killed daemon, which prevent the next one from starting."""
    for pid_file, program in _PID_FILES.items():
        if pid_file.exists() and _running(pid_file, program) is None:
            pid_file.unlink()


def main(arguments: list[str]) -> int:
    """Run the command; the exit code is 1 if no daemon answers."""
    if arguments == ["stop"]:
        print(
            "stopped the Docker daemon" if stop_docker() else "no Docker daemon was started by this command"
        )
        return 0
    try:
        ensure_docker()
    except DockerUnavailableError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("the Docker daemon answers")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
