"""Fixtures of the Pulumi program's unit tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn

import pytest

from platform_infra.docker_client import DockerUnavailableError
from tests.unit.infra.recording import Recording, engine_loop, record_bundle

Record = Callable[..., Recording]


@pytest.fixture(autouse=True)
def engine_event_loop() -> None:
    """Set the thread's event loop, which the recording engine uses; an asynchronous test leaves none behind."""
    asyncio.set_event_loop(engine_loop())


@pytest.fixture(autouse=True)
def cluster_without_monitoring_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the discovery: the recording engine has no API server that could answer."""
    monkeypatch.setattr("platform_infra.monitoring.discovery.discover", lambda _kubeconfig, _context: [])


@pytest.fixture(autouse=True)
def no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide a Docker daemon of this machine: its base images would change the name of the operator's image."""

    def connected(**_options: object) -> NoReturn:
        raise DockerUnavailableError("the Docker daemon does not answer")

    monkeypatch.setattr("platform_infra.image.build.connected", connected)


@pytest.fixture
def record() -> Record:
    """Return the function that records the bundle."""
    return record_bundle
