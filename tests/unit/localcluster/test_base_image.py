"""The base image: pulled where that is possible, else Debian with the same Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_infra.docker_client import connected
from platform_infra.image.base import CURRENT
from tests.unit.infra.fake_docker import FakeDocker, fake_docker
from tools.localcluster.image import base, debian
from tools.localcluster.image.commands import NodeImageError
from tools.localcluster.toolchain.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeDocker]:
    """A daemon without images whose registry does not answer, an empty cache, and a user who is not root."""
    monkeypatch.setenv("NOTIFICATION_PLATFORM_CACHE", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with fake_docker() as daemon:
        monkeypatch.setenv("DOCKER_HOST", daemon.host)
        daemon.events = [{"error": "the registry does not answer"}]
        yield daemon


def ensured() -> str:
    with connected() as client, Progress() as progress:
        return base.ensure_base(client, progress)


def test_debian_has_the_python_of_the_dockerfile() -> None:
    assert base.published().name == f"python:{debian.PYTHON}-slim"


def test_base_of_the_dockerfile_is_pulled_and_becomes_the_current_one(daemon: FakeDocker) -> None:
    daemon.events = []
    daemon.images.add(base.published().reference)
    tag = ensured()
    assert {tag, CURRENT} <= daemon.images
    requested = len(daemon.requests)
    assert ensured() == tag
    assert "/images/create" not in [path for path, _, _ in daemon.requests[requested:]]


def test_base_that_cannot_be_pulled_is_bootstrapped(
    daemon: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian, "bootstrap", lambda _client, tag, _progress: daemon.images.add(tag))
    assert ensured() in daemon.images


@pytest.mark.usefixtures("daemon")
def test_user_who_can_neither_pull_nor_bootstrap_gets_three_ways_out() -> None:
    with pytest.raises(
        NodeImageError, match=r"needs root: let Docker pull, .* sudo, or use an existing cluster"
    ):
        ensured()
