"""The Docker daemon: reuse of a running one, hints if none answers, and which daemon `stop` stops."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from unittest.mock import Mock

import docker
import pytest

from tools.localcluster.runtime import dockerd


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NOTIFICATION_PLATFORM_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return tmp_path


def refuse(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let every connection to a socket fail with this errno."""
    refusal = Mock(side_effect=OSError(number, os.strerror(number)))
    monkeypatch.setattr(socket.socket, "connect", refusal)


def test_running_daemon_is_used_and_no_other_is_started(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket.socket, "connect", Mock())
    monkeypatch.setattr(docker, "from_env", Mock())
    dockerd.ensure_docker()
    assert not (machine / "docker").exists()


def test_missing_daemon_without_root_names_the_command_that_starts_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse(monkeypatch, errno.ENOENT)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(
        dockerd.DockerUnavailableError, match=r"docker\.sock does not answer: No such file.*systemctl start"
    ):
        dockerd.ensure_docker()


def test_missing_permission_names_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, errno.EACCES)
    with pytest.raises(dockerd.DockerUnavailableError, match="usermod -aG docker"):
        dockerd.ensure_docker()


def test_unreachable_docker_host_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(
        dockerd.DockerUnavailableError,
        match=r"tcp://127\.0\.0\.1:9 does not answer: Connection refused: .*unset DOCKER_HOST",
    ):
        dockerd.ensure_docker()


def test_stop_ignores_a_process_that_is_no_daemon_of_this_module(machine: Path) -> None:
    assert not dockerd.stop_docker()
    pid_file = machine / "docker" / "dockerd.pid"
    pid_file.parent.mkdir()
    pid_file.write_text(str(os.getpid()))
    assert not dockerd.stop_docker()


def test_pid_files_of_a_killed_daemon_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stale, held = tmp_path / "docker.pid", tmp_path / "python.pid"
    for file in (stale, held):
        file.write_text(str(os.getpid()))
    program = Path("/proc/self/comm").read_text().strip()
    monkeypatch.setattr(dockerd, "_PID_FILES", {stale: "dockerd", held: program})
    dockerd.remove_stale_pid_files()
    assert [file.name for file in tmp_path.iterdir()] == ["python.pid"]
