"""What a person is told when there is no Docker, and whose daemon is stopped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.localcluster.runtime import dockerd


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NOTIFICATION_PLATFORM_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return tmp_path


def docker_says(folder: Path, error: str, code: int = 1) -> None:
    program = folder / "path" / "docker"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\necho '{error}' >&2\nexit {code}\n")
    program.chmod(0o755)


def test_a_daemon_that_answers_is_used_as_it_is(machine: Path) -> None:
    docker_says(machine, "", code=0)
    dockerd.ensure_docker()
    assert not (machine / "docker").exists()


def test_without_root_the_error_says_how_to_start_docker(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker_says(machine, "Cannot connect to the Docker daemon")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(dockerd.DockerUnavailableError, match=r"Cannot connect.*systemctl start docker"):
        dockerd.ensure_docker()


def test_a_daemon_that_refuses_the_user_is_told_apart(machine: Path) -> None:
    docker_says(machine, "permission denied while trying to connect")
    with pytest.raises(dockerd.DockerUnavailableError, match="usermod -aG docker"):
        dockerd.ensure_docker()


def test_a_docker_host_that_is_silent_is_named(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker_says(machine, "cannot connect")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(dockerd.DockerUnavailableError, match=r"tcp://127\.0\.0\.1:9 does not answer"):
        dockerd.ensure_docker()


def test_only_a_daemon_of_ours_is_stopped(machine: Path) -> None:
    assert not dockerd.stop_docker_if_ours()
    pid_file = machine / "docker" / "dockerd.pid"
    pid_file.parent.mkdir()
    pid_file.write_text(str(os.getpid()))
    assert not dockerd.stop_docker_if_ours()


def test_what_a_killed_daemon_left_does_not_keep_the_next_one_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale, held = tmp_path / "docker.pid", tmp_path / "python.pid"
    for file in (stale, held):
        file.write_text(str(os.getpid()))
    program = Path("/proc/self/comm").read_text().strip()
    monkeypatch.setattr(dockerd, "_PID_FILES", {stale: "dockerd", held: program})
    dockerd._drop_stale_pid_files()
    assert [file.name for file in tmp_path.iterdir()] == ["python.pid"]
