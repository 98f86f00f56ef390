"""Fixtures of the tests with the real engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from tests.harness.checkout import Checkout
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
    with FileLock(folder / "engine-tests.lock"):
        ensure(ENGINE_GROUPS)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def package(checkout: Checkout) -> Checkout:
    """A checkout whose component package uses the packages of this environment."""
    (checkout.folder / "infra" / "component_package" / "requirements.txt").unlink()
    return checkout
