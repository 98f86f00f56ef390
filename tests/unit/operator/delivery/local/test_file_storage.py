"""The limits of the file channel's directory: what is removed, and whose files."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from hypothesis import given
from hypothesis import strategies as st

from notification_domain.model import Content
from notification_runtime.channels.file import FileChannel
from notification_runtime.delivery.channel import Message
from notification_runtime.delivery.local import file_storage
from notification_runtime.delivery.local.file_storage import (
    DAY,
    FileStorage,
    Limits,
    StoredFile,
    expired,
    surplus,
)
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pytest

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MESSAGE = Message(
    id="uid:file:1",
    namespace="shop",
    name="order-1",
    uid="uid",
    created=NOW,
    channels=("file",),
    content=Content(type="simple", priority="high", subject="s", body="b"),
)


def stored(namespace: str, *sizes: int, first: float = 0) -> list[StoredFile]:
    """Return files of a namespace, the oldest first."""
    return [
        StoredFile(name=f"{namespace}-{number}", namespace=namespace, size=size, modified=first + number)
        for number, size in enumerate(sizes)
    ]


def about(directory: Path, logs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return what is logged of a directory: the threads of earlier tests look at their own."""
    return [log for log in logs if log.get("directory") == str(directory)]


def names(files: list[StoredFile]) -> list[str]:
    return [file.name for file in files]


def test_nothing_is_removed_below_nine_tenths_of_the_limit() -> None:
    files = stored("a", *[10] * 9)
    assert surplus(files, Limits(bytes=100)) == []
    assert surplus(files, Limits(bytes=0)) == []
    assert len(surplus([*files, *stored("b", 1)], Limits(bytes=100))) == 2


def test_oldest_files_of_the_largest_namespace_go_first() -> None:
    files = [*stored("quiet", 10, 10, first=-100), *stored("busy", *[10] * 8)]
    assert names(surplus(files, Limits(bytes=100))) == ["busy-0", "busy-1"]


def test_number_of_files_is_limited_too() -> None:
    files = [*stored("quiet", 1), *stored("busy", *[1] * 99)]
    assert names(surplus(files, Limits(files=100))) == [f"busy-{number}" for number in range(20)]


@given(
    st.dictionaries(
        st.sampled_from("abcd"), st.lists(st.integers(1, 50), min_size=1, max_size=20), min_size=1
    ),
    st.integers(1, 1000),
)
def test_namespace_below_its_share_never_loses_a_file(usage: dict[str, list[int]], limit: int) -> None:
    files = [file for namespace, sizes in usage.items() for file in stored(namespace, *sizes)]
    removed = surplus(files, Limits(bytes=limit, files=0))
    kept = [file for file in files if file not in removed]
    assert sum(file.size for file in kept) <= 0.9 * limit
    share = 0.8 * limit / len(usage)
    losers = {file.namespace for file in removed}
    assert all(sum(usage[namespace]) > share for namespace in losers)


def test_files_expire_by_age() -> None:
    files = stored("a", 1, 1, 1)
    assert names(expired(files, Limits(seconds=1.5), now=3)) == ["a-0", "a-1"]
    assert expired(files, Limits(), now=1e9) == []


def write(folder: Path, namespace: str, number: int, *, days: float = 0, size: int = 100) -> str:
    name = f"notification-{namespace}-{number}.json"
    head = f'{{\n  "notification_name": "n",\n  "notification_namespace": "{namespace}",\n'
    (folder / name).write_text(head + "x" * size)
    moment = (NOW - timedelta(days=days)).timestamp() + number
    os.utime(folder / name, (moment, moment))
    return name


def storage(folder: Path, **limits: float) -> FileStorage:
    return FileStorage(folder, Limits(**limits), clock=lambda: NOW)  # type: ignore[arg-type]


def left(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_old_files_are_removed_and_foreign_ones_stay(tmp_path: Path) -> None:
    write(tmp_path, "shop", 1, days=8)
    young = write(tmp_path, "shop", 2, days=6)
    for foreign in ("notes.json", "notification-x.txt"):
        (tmp_path / foreign).touch()
        os.utime(tmp_path / foreign, (0, 0))
    with structlog.testing.capture_logs() as logs:
        storage(tmp_path, seconds=7 * DAY).clean()
    assert left(tmp_path) == {young, "notes.json", "notification-x.txt"}
    assert [(log["event"], log["files"]) for log in about(tmp_path, logs)] == [("files removed by age", 1)]


def test_full_directory_loses_the_files_of_the_busy_namespace(tmp_path: Path) -> None:
    quiet = {write(tmp_path, "quiet", number, days=30) for number in range(2)}
    for number in range(30):
        write(tmp_path, "busy", number)
    unit = (tmp_path / "notification-busy-0.json").stat().st_blocks * file_storage.BLOCK
    with structlog.testing.capture_logs() as logs:
        storage(tmp_path, bytes=20 * unit).clean()
    assert left(tmp_path) == quiet | {f"notification-busy-{number}.json" for number in range(16, 30)}
    (log,) = about(tmp_path, logs)
    assert (log["event"], log["namespaces"]) == ("files removed to keep the volume below its size", ["busy"])
    assert "channels.file.size" in log["hint"]


def test_file_without_a_readable_namespace_counts_as_one_of_none(tmp_path: Path) -> None:
    (tmp_path / "notification-broken.json").write_bytes(b"\xff" * 10)
    kept = write(tmp_path, "shop", 1)
    storage(tmp_path, files=2).clean()
    assert left(tmp_path) == {kept}


def test_missing_directory_is_empty(tmp_path: Path) -> None:
    storage(tmp_path / "none", bytes=1).clean()


async def test_channel_makes_room_while_it_writes(tmp_path: Path) -> None:
    channel = FileChannel(tmp_path, limits=Limits(files=10))
    for _ in range(30):
        await channel.deliver(MESSAGE)
    await until(lambda: len(left(tmp_path)) <= 9)


async def test_file_that_is_written_during_a_look_at_the_directory_is_counted(tmp_path: Path) -> None:
    looks = ["the first"]

    class Storage(FileStorage):
        def _files(self) -> Iterator[StoredFile]:
            yield from super()._files()
            if looks:
                write(tmp_path, "shop", 9)
                self.written(0)
                looks.clear()

    for number in range(9):
        write(tmp_path, "shop", number)
    Storage(tmp_path, Limits(files=10), clock=lambda: NOW).start()
    await until(lambda: not looks and len(left(tmp_path)) <= 9)


async def test_failed_clean_up_is_logged_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_storage, "INTERVAL", 0.01)
    kept = write(tmp_path, "shop", 1, days=9)
    denied = PermissionError(13, "Permission denied")

    def refuse(_path: object) -> None:
        raise denied

    real = os.unlink
    monkeypatch.setattr(os, "unlink", refuse)
    with structlog.testing.capture_logs() as logs:
        storage(tmp_path, seconds=DAY).start()
        await until(lambda: about(tmp_path, logs))
    assert about(tmp_path, logs)[0]["event"] == "cannot clean up the directory of the file channel"
    assert kept in left(tmp_path)
    monkeypatch.setattr(os, "unlink", real)
    await until(lambda: not left(tmp_path))
    monkeypatch.setattr(file_storage, "INTERVAL", 3600.0)
