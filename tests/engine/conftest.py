"""Fixtures of the tests with the real engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine.checkout import Checkout
from tests.harness.turns import turn
from tools.localcluster.toolchain import ensure
from tools.localcluster.toolchain.layout import cache_dir
from tools.platform.pulumi.environment import ENGINE_GROUPS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """Provide the engine once, before the tests, so that no test waits for a download or a build."""
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with turn(folder, "engine-tests"):
        ensure(ENGINE_GROUPS)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)
