"""A small API server, and the command line with a kubeconfig of it; a module adds objects by its own fixture `server`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.cli.api_server import ApiServer, CommandLine, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


@pytest.fixture
async def notif(server: ApiServer, tmp_path: Path) -> AsyncIterator[CommandLine]:
    async with serving(server, tmp_path) as command_line:
        yield command_line
