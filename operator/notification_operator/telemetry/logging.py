"""The log of the process: structured, one record per line, the records of libraries included."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from notification_contract.settings import LogFormat
from notification_operator.domain.redaction.redact import ALL_RULES, Rules, redact

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from notification_contract.settings import Log

CONSOLE = "console"
"""The logger that the console channel delivers through."""

OWN_TEXT_LEVELS = frozenset({"debug", "info"})
"""Levels of records that hold the operator's own texts only; a record of any other may quote an error."""

LIBRARY_LEVELS = {
    # Kopf logs every event and every handler that returns.
    "kopf.objects": logging.WARNING,
    "kopf.activities": logging.WARNING,
}


def configure(settings: Log, rules: Rules = ALL_RULES) -> None:
    """Send every record of this process to standard output, in the configured format, redacted."""
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
            _redacting(rules),
            _renderer(settings.format),
        ],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name, minimum in LIBRARY_LEVELS.items():
        logging.getLogger(name).setLevel(max(minimum, level))
    # A record of the console channel is a delivery, whatever the level of the log.
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


def _redacting(rules: Rules) -> Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]:
    def redact_record(
        _logger: object, _method: str, record: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        if record["level"] in OWN_TEXT_LEVELS and "exception" not in record:
            return record
        return {key: _redacted(value, rules) for key, value in record.items()}

    return redact_record


def _redacted(value: Any, rules: Rules) -> Any:  # noqa: ANN401 - a record's values are of any type
    if isinstance(value, str):
        return redact(value, rules)
    if isinstance(value, list | tuple):
        return [_redacted(each, rules) for each in value]
    return value


def _renderer(log_format: LogFormat) -> Any:  # noqa: ANN401 - two libraries' callables
    if log_format is LogFormat.TEXT:
        # The traceback is text already; other formatters would add the values of local variables.
        return structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.processors.JSONRenderer(
        serializer=lambda value, **_: orjson.dumps(value, default=str).decode()
    )
