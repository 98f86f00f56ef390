"""Chromium, which draws pages without a window."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
HEIGHT: Final = re.compile(r'data-height="(\d+)"')
"""What a page of ours says about its own height, once its script has run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a picture is taken."""

    width: int
    height: int
    scheme: int = 1
    """Blink's number of the preferred color scheme: 0 dark, 1 light."""
    scale: float = 1.0
    """Pixels of the picture per pixel of the page."""


def find() -> str | None:
    """Return the path of the browser."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def shoot(browser: str, url: str, file: Path, shape: Shape) -> None:
    """Take a picture of a page."""
    _run(
        browser,
        f"--window-size={shape.width},{shape.height}",
        f"--blink-settings=preferredColorScheme={shape.scheme}",
        f"--force-device-scale-factor={shape.scale:g}",
        f"--screenshot={file}",
        url,
    )


def height(browser: str, url: str, width: int) -> int:
    """Return the height of a page that writes it into the attribute `data-height`.

    Raises:
        ValueError: the page does not.
    """
    content = _run(browser, f"--window-size={width},200", "--dump-dom", url)
    match = HEIGHT.search(content)
    if match is None:
        raise ValueError(f"{url} has no attribute data-height")
    return int(match[1])


def _run(browser: str, *arguments: str) -> str:
    with tempfile.TemporaryDirectory(prefix="pictures-") as profile:
        return subprocess.run(
            [
                browser,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                f"--user-data-dir={profile}",
                "--timeout=3000",
                *arguments,
            ],
            check=True,
            timeout=60,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ).stdout
