"""The output of each channel, on the real file system and standard output."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from notification_contract.settings import Channels, Log, LogLevel
from notification_operator.config.settings import SettingsError
from notification_operator.delivery.channel import Message, Transient
from notification_operator.delivery.channels.console import ConsoleChannel
from notification_operator.delivery.channels.file import FileChannel
from notification_operator.delivery.channels.log import LogChannel
from notification_operator.delivery.registry import channels
from notification_operator.domain.model import Content
from notification_operator.telemetry import logging as log

NOW = datetime(2026, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)


def message(name: str = "order-1", **content: Any) -> Message:
    fields: dict[str, Any] = {
        "type": "simple",
        "priority": "high",
        "subject": "Заказ 📦",
        "body": "line one\nline two",
        **content,
    }
    return Message(
        id="uid:file:1",
        namespace="shop",
        name=name,
        uid="uid",
        created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        channels=("file", "log"),
        content=Content(**fields),
    )


async def test_file_holds_the_whole_message_and_is_named_after_it(tmp_path: Path) -> None:
    channel = FileChannel(tmp_path / "new" / "folder", clock=lambda: NOW)
    await channel.deliver(message(metadata={"cluster": "eu"}))
    (file,) = (tmp_path / "new" / "folder").iterdir()
    assert file.name == f"notification-order-1-{NOW.astimezone():%Y%m%d-%H%M%S.%f}.json"
    content = json.loads(file.read_text())
    assert content["subject"] == "Заказ 📦"
    assert content["body"] == "line one\nline two"
    assert content["metadata"] == {"cluster": "eu"}
    assert content["attempt_id"] == "uid:file:1"
    assert "action_links" not in content
    assert file.read_text().startswith('{\n  "')
    assert oct(file.stat().st_mode & 0o777) == "0o644"


async def test_longest_object_name_makes_a_valid_and_unique_file_name(
    tmp_path: Path,
) -> None:
    for last in "ab":
        await FileChannel(tmp_path).deliver(message("x" * 252 + last))
    names = [file.name for file in tmp_path.iterdir()]
    assert len({name[: len(name) - 28] for name in names}) == 2
    assert all(len(name.encode()) <= 255 for name in names)


async def test_unwritable_directory_is_a_transient_failure(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file, not a directory")
    with pytest.raises(Transient, match=r"cannot write to .*occupied: File exists"):
        await FileChannel(tmp_path / "occupied").deliver(message())
    assert [file.name for file in tmp_path.iterdir()] == ["occupied"]


async def test_failed_write_leaves_no_partial_file(tmp_path: Path) -> None:
    channel = FileChannel(tmp_path)
    with pytest.raises(TypeError):
        channel._write("notification.json", "text in place of bytes")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


async def test_log_channel_writes_one_line_of_json(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    await LogChannel(clock=lambda: datetime(2026, 5, 6, tzinfo=UTC)).deliver(message(labels={"team": "web"}))
    out = capfdbinary.readouterr().out
    assert out.count(b"\n") == 1
    line = json.loads(out)
    assert line["timestamp"] == "2026-05-06T00:00:00.000000Z"
    assert line["notification_name"] == "order-1"
    assert line["labels"] == {"team": "web"}
    assert line["channels"] == ["file", "log"]


@contextmanager
def json_log(minimum: LogLevel = LogLevel.INFO) -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    log.configure(Log(level=minimum))
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


async def test_console_logs_priority_type_subject_and_body_in_one_record(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with json_log():
        await ConsoleChannel().deliver(message())
    record = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert record["event"] == "[high] [simple] Заказ 📦\nline one\nline two\n"
    assert (record["level"], record["logger"]) == ("info", "console")
    assert (record["notification"], record["uid"]) == ("shop/order-1", message().uid)


async def test_console_delivers_at_any_log_level(capsys: pytest.CaptureFixture[str]) -> None:
    with json_log(LogLevel.ERROR):
        await ConsoleChannel().deliver(message())
    assert "line two" in capsys.readouterr().out


def test_only_enabled_channels_are_created(tmp_path: Path) -> None:
    assert set(channels(Channels())) == {"console", "log"}
    settings = Channels.model_validate(
        {
            "console": {"enabled": False},
            "log": {"enabled": False},
            "file": {"enabled": True, "directory": tmp_path},
        }
    )
    assert set(channels(settings)) == {"file"}


def test_plugin_gets_its_options_and_may_replace_a_built_in_channel() -> None:
    settings = Channels.model_validate(
        {
            "plugins": {
                "log": {"factory": f"{FileChannel.__module__}:FileChannel", "options": {"directory": "/x"}}
            }
        }
    )
    assert isinstance(channels(settings)["log"], FileChannel)


def test_every_invalid_plugin_is_reported_with_its_reason() -> None:
    settings = Channels.model_validate(
        {
            "plugins": {
                "sms": {"factory": "no_such_module:channel"},
                "teams": {"factory": "collections:OrderedDict"},
            }
        }
    )
    with pytest.raises(SettingsError) as caught:
        channels(settings)
    first, second = caught.value.problems
    assert "channels.plugins.sms" in first
    assert "no_such_module" in first
    assert "OrderedDict has no method deliver" in second
