"""Faults of the render worker: Python imports this module at its start, from a copy of it that a scenario makes.

While the file `broken` stands next to it, the worker ends at its start. A result with the word ENDLESS never leaves it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

ENDLESS = "endless-rendering"
_dumps = json.dumps


def dumps(value: Any, **options: Any) -> str:
    text = _dumps(value, **options)
    while ENDLESS in text:  # the fault itself
        pass
    return text


if "notification_runtime.render_worker" in sys.orig_argv:
    if Path(__file__).with_name("broken").exists():
        os._exit(1)
    vars(json)["dumps"] = dumps
