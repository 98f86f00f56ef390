"""The output of each channel, on the real file system and standard output."""

import asyncio
import errno
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from notification_contract.settings import Channels, Log, LogLevel
from notification_domain.model import Content
from notification_operator.endpoints.builder import channels
from notification_runtime.channels.console import ConsoleChannel
from notification_runtime.channels.file import FileChannel
from notification_runtime.channels.log import LogChannel
from notification_runtime.delivery.channel import Message, Transient
from notification_runtime.delivery.local.messages import LINE_BYTES
from notification_runtime.settings import SettingsError
from notification_runtime.telemetry import logging as log
from tests.unit.operator.kube_api import until
from tests.unit.process_log import restored_log

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
        channel.write_atomically("notification.json", "text in place of bytes", threading.Event())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


class Disk:
    """Makes `fsync` hang until it is released, or fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.released = threading.Event()
        self.released.set()
        self.error: OSError | None = None
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self.fsync)

    def fsync(self, handle: int) -> None:
        self.calls += 1
        self.released.wait(30)
        if self.error is not None:
            raise self.error
        self._fsync(handle)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk(monkeypatch)
    yield disk
    disk.released.set()


async def deliver_within(channel: FileChannel, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        await channel.deliver(message())


async def test_hanging_disk_takes_no_thread_of_others_and_is_reported(tmp_path: Path, disk: Disk) -> None:
    channel = FileChannel(tmp_path)
    disk.released.clear()
    attempts = [deliver_within(channel, 0.2) for _ in range(64)]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert all(isinstance(result, TimeoutError) for result in results)
    with pytest.raises(Transient, match=r"the disk of .* does not respond"):
        await channel.deliver(message())
    async with asyncio.timeout(2):
        await asyncio.get_running_loop().getaddrinfo("localhost", 80)
    disk.released.set()
    await until(lambda: not channel.threads.abandoned)
    assert list(tmp_path.iterdir()) == [], "an attempt that has timed out leaves no file"
    await channel.deliver(message())
    assert len(list(tmp_path.iterdir())) == 1


async def test_one_hanging_file_does_not_delay_the_others(tmp_path: Path, disk: Disk) -> None:
    channel = FileChannel(tmp_path)
    disk.released.clear()
    with pytest.raises(TimeoutError):
        await deliver_within(channel, 0.1)
    disk.calls = 0
    disk.released.set()
    await deliver_within(channel, 2)
    assert disk.calls >= 2, "file and directory are synchronized"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
async def test_full_disk_is_a_reason_of_its_own(tmp_path: Path, disk: Disk, code: int) -> None:
    disk.error = OSError(code, os.strerror(code))
    with pytest.raises(Transient, match=r"^no space left for "):
        await FileChannel(tmp_path).deliver(message())
    assert list(tmp_path.iterdir()) == []


async def test_leftovers_are_removed_at_the_start_unless_they_are_young(tmp_path: Path) -> None:
    for name in (".notification-old.tmp", ".notification-young.tmp", ".other.tmp", "notification-old.json"):
        (tmp_path / name).touch()
        if "young" not in name:
            os.utime(tmp_path / name, (0, 0))
    FileChannel(tmp_path)
    await until(lambda: not (tmp_path / ".notification-old.tmp").exists())
    assert {file.name for file in tmp_path.iterdir()} == {
        ".notification-young.tmp",
        ".other.tmp",
        "notification-old.json",
    }


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
    with restored_log():
        log.configure(Log(level=minimum))
        yield


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
                "email": {"factory": "notification_runtime.delivery.channel:Channel"},
            }
        }
    )
    with pytest.raises(SettingsError) as caught:
        channels(settings)
    first, second, third = caught.value.problems
    assert "channels.plugins.sms" in first
    assert "no_such_module" in first
    assert "OrderedDict is no channel; derive it from notification_runtime.delivery.channel.Channel" in second
    assert "abstract method 'deliver'" in third or "abstract method deliver" in third


HINT = "see kubectl get notificationrequest order-1 -n shop -o yaml"


async def test_long_console_text_is_cut_and_says_how_to_read_all(capsys: pytest.CaptureFixture[str]) -> None:
    with json_log():
        await ConsoleChannel().deliver(message(body="x" * 262_144))
        await ConsoleChannel().deliver(message(body="\x01📦" * 40_000))
    for line in capsys.readouterr().out.splitlines():
        event = json.loads(line)["event"]
        assert len(line.encode()) <= LINE_BYTES + 512
        assert event.startswith("[high] [simple]")
        assert event.endswith(f"bytes; {HINT}\n")


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        ({"body": "x" * 262_144, "metadata": {"team": "web"}}, True),
        ({"body": "\x01" * 262_144, "metadata": {"team": "web"}}, True),
        ({"body": "x" * 262_144, "metadata": {"team": "w" * 1_000_000}}, False),
        ({"body": "short", "annotations": {"a": "w" * 1_000_000}}, False),
    ],
)
async def test_long_line_of_the_log_channel_is_cut_and_says_so(
    content: dict[str, Any], *, kept: bool, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    await LogChannel(clock=lambda: NOW).deliver(message(**content))
    line = capfdbinary.readouterr().out
    document = json.loads(line)
    assert len(line) <= LINE_BYTES + 1
    assert document["truncated"].endswith(f"bytes; {HINT}")
    assert content["body"].startswith(document["body"])
    assert ("metadata" in document or "annotations" in document) == kept
    assert document["subject"] == "Заказ 📦"
    assert len(line) > LINE_BYTES - 16 or document["body"] == content["body"]


async def test_line_within_the_limit_is_whole(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    await LogChannel(clock=lambda: NOW).deliver(message(body="x" * 15_000))
    document = json.loads(capfdbinary.readouterr().out)
    assert (len(document["body"]), "truncated" in document) == (15_000, False)
