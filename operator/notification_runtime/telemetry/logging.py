"""The log of the process: structured, one record per line, the records of libraries included."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog

from notification_contract.settings import LogFormat
from notification_domain.redaction.redact import ALL_RULES, Rules, redact

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping, Sequence

    from notification_contract.settings import Log

CONSOLE = "console"
"""The logger that the console channel delivers through."""

OWN_TEXT_LEVELS = frozenset({"debug", "info"})
"""Levels of records that hold the operator's own texts only; a record of any other may quote an error."""

CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Characters that end a line, move the cursor, or change the direction of the text."""
TRACEBACKS: Final = ("exception", "stack")
"""Values of several lines, in the text format."""
INDENT: Final = "    "

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
            *_renderers(settings.format),
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


def _escaped(_logger: object, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep a record of the text format on its line, whatever it quotes; the lines of a traceback are indented."""
    return {
        key: _indented(value) if key in TRACEBACKS else _on_one_line(value) for key, value in record.items()
    }


def _on_one_line(value: Any) -> Any:  # noqa: ANN401 - a record's values are of any type
    return CONTROL.sub(_escape, value) if isinstance(value, str) else value


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def _indented(traceback: Any) -> Any:  # noqa: ANN401 - a record's values are of any type
    if not isinstance(traceback, str):
        return traceback
    return "\n".join(INDENT + _on_one_line(line) for line in traceback.split("\n"))


def _renderers(log_format: LogFormat) -> Sequence[Any]:
    """Return the last processors; a record of JSON needs no escaping by the operator."""
    if log_format is LogFormat.TEXT:
        # The traceback is text already; other formatters would add the values of local variables.
        console = structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        return (_escaped, console)
    return (
        structlog.processors.JSONRenderer(
            serializer=lambda value, **_: orjson.dumps(value, default=str).decode()
        ),
    )
