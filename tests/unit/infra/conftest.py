"""What the tests of the Pulumi program share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.unit.infra.recording import Recording, engine_loop, record_bundle

Record = Callable[..., Recording]


@pytest.fixture(autouse=True)
def loop_of_the_engine() -> None:
    """Give the recording engine an event loop: it takes the thread's, and an asynchronous test leaves none."""
    asyncio.set_event_loop(engine_loop())


@pytest.fixture(autouse=True)
def only_kubernetes_own_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no cluster asked which other kinds it serves: where there is a recording engine there is none."""
    monkeypatch.setattr("platform_infra.monitoring.component.ask", lambda _kubeconfig, _context: [])


@pytest.fixture
def record() -> Record:
    """Record the bundle."""
    return record_bundle
