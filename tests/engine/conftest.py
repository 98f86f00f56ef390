"""What the tests with the real engine share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine.checkout import Checkout
from tools.engine import ENGINE_GROUPS
from tools.toolchain import ensure

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """Get the engine first, so that no test waits for it and calls that slow."""
    ensure(ENGINE_GROUPS)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)
