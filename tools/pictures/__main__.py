"""`python -m tools.pictures`: draws what each channel sends, for the documentation."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from tools.pictures.capture import capture
from tools.pictures.views import pictures

FOLDER: Final = Path("docs/images/channels")

for channel, picture in pictures(asyncio.run(capture())).items():
    (FOLDER / f"{channel}.svg").write_text(picture, "utf-8")
