"""The log of the test process, as it was before something under test configured it."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


@contextmanager
def restored_log() -> Iterator[None]:
    """Undo at the end what configures the log: a later test would write to the closed output of this one.

    No logger keeps what is configured meanwhile: one that is first used here would write by it in every later test.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    before, configure = structlog.get_config(), structlog.configure

    def uncached(**settings: Any) -> None:
        configure(**{**settings, "cache_logger_on_first_use": False})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", uncached)
        try:
            yield
        finally:
            root.handlers[:], root.level = handlers, level
            configure(**before)
