"""What the tests with the real engine share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from tests.engine.checkout import Checkout
from tools.localcluster.toolchain import ensure
from tools.localcluster.toolchain.layout import cache_dir
from tools.platform.pulumi.environment import ENGINE_GROUPS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """Get the engine first, one process for all of them, so that no test waits for it and calls that slow."""
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "engine-tests.lock"):
        ensure(ENGINE_GROUPS)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)
