"""The log of the test process, as it was before something under test configured it."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def restored_log() -> Iterator[None]:
    """Undo at the end what configures the log: a later test would write to the closed output of this one."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configured = structlog.get_config()
    try:
        yield
    finally:
        root.handlers[:], root.level = handlers, level
        structlog.configure(**configured)
