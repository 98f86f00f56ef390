"""The operator's own log: structured, one record a line, the libraries' records included."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from notification_operator.settings_sections import LogFormat

if TYPE_CHECKING:
    from notification_operator.settings_sections import Log

CONSOLE = "console"
"""The logger that the console channel delivers through."""

NOISY = {
    # Kopf tells of every event that it hands on, and of every handler that returns.
    "kopf.objects": logging.WARNING,
    "kopf.activities": logging.WARNING,
}


def configure(settings: Log) -> None:
    """Send every record of this process to standard output, in the format that is set."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    shared: list[Any] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(settings.format)],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name, least in NOISY.items():
        logging.getLogger(name).setLevel(max(least, level))
    # What the console channel prints is its delivery, whatever else is logged.
    logging.getLogger(CONSOLE).setLevel(logging.INFO)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _renderers(log_format: LogFormat) -> list[Any]:
    if log_format is LogFormat.TEXT:
        return [structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(
            serializer=lambda value, **_: orjson.dumps(value, default=str).decode()
        ),
    ]
