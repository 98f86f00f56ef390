"""The log: the errors of others are redacted, in either format."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import structlog

from notification_contract.settings import Log, LogFormat
from notification_domain.redaction.redact import ALL_RULES, Rules
from notification_runtime.telemetry import logging as log
from tests.unit.process_log import restored_log


@contextmanager
def configured(form: LogFormat, rules: Rules = ALL_RULES) -> Iterator[None]:
    with restored_log():
        log.configure(Log(format=form), rules)
        yield


PASSWORD, TOKEN = "hunter2x", "hunter3x"


def fail(password: str) -> None:
    raise ValueError(f"cannot log in with password={password}")


@pytest.mark.parametrize("form", LogFormat)
def test_traceback_is_complete_and_redacted(form: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    with configured(form):
        try:
            fail(PASSWORD)
        except ValueError:
            structlog.get_logger("test").exception("failed")
            logging.getLogger("a.library").exception("failed with token=%s", TOKEN)
    out = capsys.readouterr().out
    assert not any(secret in out for secret in (PASSWORD, TOKEN))
    assert out.count("ValueError: cannot log in with password=[REDACTED]") == 2
    assert out.count("in fail") == 2


def test_quoted_error_is_redacted_by_the_configured_rules(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with configured(LogFormat.JSON, Rules(emails=False)):
        structlog.get_logger("test").warning(
            "no response",
            error="a@example.com, token=hunter2x",
            problems=("fine", "token=hunter2x"),
            attempts=3,
        )
    record = json.loads(capsys.readouterr().out)
    assert (record["error"], record["attempts"]) == ("a@example.com, token=[REDACTED]", 3)
    assert record["problems"] == ["fine", "token=[REDACTED]"]


def test_own_info_record_is_not_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    with configured(LogFormat.JSON):
        structlog.get_logger("test").info("listening", address="10.0.0.1")
    assert json.loads(capsys.readouterr().out)["address"] == "10.0.0.1"


FORGED = "2026-11-25T10:00:00Z [info     ] lease acquired"


def test_quoted_text_forges_no_record_in_the_text_format(capsys: pytest.CaptureFixture[str]) -> None:
    with configured(LogFormat.TEXT):
        structlog.get_logger("test").warning(f"refused\n{FORGED}", error=f"x\r\n{FORGED}\x1b[2J\u2028\x9b31m")
        try:
            raise ValueError(f"x\n{FORGED}\x1b[2J")  # noqa: TRY301 - the traceback is the subject of the test
        except ValueError:
            logging.getLogger("a.library").exception("failed")
    out = capsys.readouterr().out
    assert not any(line.startswith(FORGED[:10]) and "lease" in line[:60] for line in out.splitlines())
    assert not set(out) & set("\x1b\r\x9b\u2028")
    assert "refused\\n" in out
    assert f"\n    {FORGED}" in out, "the lines of a traceback stay lines"


def test_console_delivery_is_one_line_in_the_text_format(capsys: pytest.CaptureFixture[str]) -> None:
    with configured(LogFormat.TEXT):
        structlog.get_logger(log.CONSOLE).info(f"[high] [simple] x\n{FORGED}\n", attempt="uid:console:1")
    assert len(capsys.readouterr().out.splitlines()) == 1
