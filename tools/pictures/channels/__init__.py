"""Pictures of one notification in every channel, drawn from what the channels really send."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.pictures import chromium
from tools.pictures.channels.capture import capture
from tools.pictures.channels.views import pages

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDTH: Final = 640
SCALE: Final = 1.5


async def take(browser: str, folder: Path) -> None:
    """Take a picture per channel."""
    drawn = pages(await capture())
    await asyncio.to_thread(_shoot, browser, drawn, folder)


def _shoot(browser: str, drawn: Mapping[str, str], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pictures-") as temporary:
        for name, content in drawn.items():
            file = Path(temporary, f"{name}.html")
            file.write_text(content, "utf-8")
            url = file.as_uri()
            shape = chromium.Shape(width=WIDTH, height=chromium.height(browser, url, WIDTH), scale=SCALE)
            chromium.shoot(browser, url, folder / f"{name}.png", shape)
