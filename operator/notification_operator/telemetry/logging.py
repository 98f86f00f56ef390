"""The operator's own log: structured, one record a line, the libraries' records included."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from notification_contract.settings import LogFormat
from notification_operator.domain.redaction.redact import EVERYTHING, Rules, sanitize

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from notification_contract.settings import Log

CONSOLE = "console"
"""The logger that the console channel delivers through."""

QUIET = frozenset({"debug", "info"})
"""Levels of records whose texts are the operator's own; any other may quote somebody else's error."""

NOISY = {
    # Kopf tells of every event that it hands on, and of every handler that returns.
    "kopf.objects": logging.WARNING,
    "kopf.activities": logging.WARNING,
}


def configure(settings: Log, rules: Rules = EVERYTHING) -> None:
    """Send every record of this process to standard output, in the format that is set, without secrets."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    shared: list[Any] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _masking(rules),
            _renderer(settings.format),
        ],
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


def _masking(rules: Rules) -> Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]:
    def mask(_logger: Any, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ANN401 - structlog's
        if record["level"] in QUIET and "exception" not in record:
            return record
        return {key: _masked(value, rules) for key, value in record.items()}

    return mask


def _masked(value: Any, rules: Rules) -> Any:  # noqa: ANN401 - a record's facts are of any kind
    if isinstance(value, str):
        return sanitize(value, rules)
    if isinstance(value, list | tuple):
        return [_masked(each, rules) for each in value]
    return value


def _renderer(log_format: LogFormat) -> Any:  # noqa: ANN401 - two libraries' callables
    if log_format is LogFormat.TEXT:
        # The traceback is text by then; other formatters would add the values of local variables.
        return structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.processors.JSONRenderer(
        serializer=lambda value, **_: orjson.dumps(value, default=str).decode()
    )
