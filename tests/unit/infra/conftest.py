"""What the tests of the Pulumi program share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.infra.recording import NODE_IMAGE, Recording, record_bundle

Record = Callable[..., Recording]


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Record:
    """Record the bundle on a machine that has a node image."""
    monkeypatch.setattr("platform_infra.cluster.local.node.current_image", lambda: NODE_IMAGE)
    return record_bundle
