"""`python -m tools.pictures`: takes the pictures of the documentation with Chromium."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

from tools.pictures import channels, chromium, page

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "images"


async def take(browser: str) -> None:
    await page.take(browser, FOLDER)
    await channels.take(browser, FOLDER / "channels")


def main() -> int:
    """Take the pictures; the exit code is 1 without a browser."""
    browser = chromium.find()
    if browser is None:
        print("error: no Chromium found; install it (Debian: apt-get install chromium)", file=sys.stderr)
        return 1
    asyncio.run(take(browser))
    for file in sorted(FOLDER.rglob("*.png")):
        print(f"{file.relative_to(FOLDER)}: {file.stat().st_size // 1000} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
