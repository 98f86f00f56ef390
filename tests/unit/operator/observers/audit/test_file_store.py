"""The audit file: chained lines, rotation with a bounded number of files, crashes, and what the verification finds."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import orjson
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from notification_operator.cli import UNUSABLE, app
from notification_operator.observers.audit.file_store import FileAuditStore
from notification_operator.observers.audit.store import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LARGE = 10**9


def event(number: int) -> bytes:
    return b'{"n":%d}' % number


async def write(path: Path, *batches: Sequence[int], max_bytes: int = LARGE, files: int = 100) -> None:
    store = FileAuditStore(path, max_bytes=max_bytes, files=files)
    for batch in batches:
        await store.write([event(number) for number in batch])
    await store.close()


def numbers(*paths: Path) -> list[int]:
    return [orjson.loads(line)["event"]["n"] for path in paths for line in path.read_bytes().splitlines()]


def trail(path: Path) -> list[Path]:
    """The files of a trail, in the order that a shell lists them."""
    return sorted(path.parent.glob("trail*.jsonl"))


def verified(*paths: Path, options: Sequence[str] = ()) -> tuple[int, list[str]]:
    """Return the exit code of the verification, and the problems that it names."""
    result = CliRunner().invoke(app, ["audit-verify", *options, *map(str, paths)])
    return result.exit_code, result.stderr.splitlines()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit" / "trail.jsonl"


async def test_lines_are_chained_and_continue_after_a_restart(path: Path) -> None:
    await write(path, [1, 2], [3])
    await write(path, [4])
    assert numbers(path) == [1, 2, 3, 4]
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert [line["sequence"] for line in lines] == [1, 2, 3, 4]
    assert [line["previous"] for line in lines] == ["0" * 64, *(line["hash"] for line in lines[:-1])]
    assert verified(path) == (0, [])


async def test_rotation_continues_the_chain_and_bounds_the_files(path: Path) -> None:
    await write(path, *([number] for number in range(1, 31)), max_bytes=600, files=3)
    await write(path, *([number] for number in range(31, 41)), max_bytes=600, files=3)
    files = trail(path)
    assert len(files) == 4
    assert files[-1] == path
    assert numbers(*files) == list(range(41 - len(numbers(*files)), 41))
    assert max(file.stat().st_size for file in files) <= 600
    assert verified(*files) == (0, [])


async def test_trail_continues_after_a_crash_between_rotation_and_write(path: Path) -> None:
    await write(path, [1], [2], max_bytes=200)
    path.unlink()
    await write(path, [2], max_bytes=200)
    assert numbers(*trail(path)) == [1, 2]
    assert verified(*trail(path)) == (0, [])


async def test_torn_last_line_is_removed(path: Path) -> None:
    await write(path, [1])
    with path.open("ab") as file:
        file.write(b'{"sequence":2,"previous":"0')
    assert verified(path)[0] == 1
    await write(path, [2])
    assert numbers(path) == [1, 2]
    assert verified(path) == (0, [])


async def test_full_disk_makes_the_store_unavailable_and_loses_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileAuditStore(path, max_bytes=LARGE, files=1)
    await store.write([event(1)])
    real = os.write

    def half(fd: int, data: memoryview) -> int:
        if len(data) < 150:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(Unavailable, match="No space left on device"):
        await store.write([event(2), event(3)])
    monkeypatch.setattr(os, "write", real)
    await store.write([event(2), event(3)])
    await store.close()
    assert numbers(path) == [1, 2, 3]
    assert verified(path) == (0, [])


async def test_second_writer_waits_for_the_first(path: Path) -> None:
    first, second = (FileAuditStore(path, max_bytes=LARGE, files=1) for _ in range(2))
    await first.write([event(1)])
    with pytest.raises(Unavailable, match="another process writes it"):
        await second.write([event(2)])
    await first.close()
    await second.write([event(2)])
    await second.close()
    assert numbers(path) == [1, 2]
    assert verified(path) == (0, [])


async def test_batch_is_synchronized_before_it_counts_as_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    store = FileAuditStore(path, max_bytes=LARGE, files=1)
    await store.write([event(1)])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(Unavailable, match="Input/output error"):
            await store.write([event(2)])
    await store.write([event(2)])
    await store.close()
    assert numbers(path) == [1, 2]


async def test_changed_end_is_kept_and_a_new_chain_begins(path: Path) -> None:
    await write(path, [1])
    path.write_bytes(path.read_bytes().replace(b'"n":1', b'"n":9'))
    with capture_logs() as logs:
        await write(path, [2])
    assert logs[0]["event"] == "audit file was changed by another writer; beginning a new chain"
    damaged = path.with_name("trail.jsonl.damaged")
    assert (numbers(damaged), numbers(path)) == ([9], [2])
    assert verified(path) == (0, [])
    assert verified(damaged)[0] == 1


CHANGES = {
    "changed": (
        lambda lines: [*lines[:4], lines[4].replace(b'"n":5', b'"n":7'), *lines[5:]],
        5,
        "was changed",
    ),
    "removed": (lambda lines: lines[:4] + lines[5:], 5, "line 5 is missing before line 6"),
    "removed, several": (lambda lines: lines[:4] + lines[7:], 5, "lines 5 to 7 are missing"),
    "reordered": (lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]], 5, "line 5 is missing"),
    "inserted copy": (lambda lines: [*lines[:5], lines[1], *lines[5:]], 6, "line 2 of the chain is out of"),
    "cut": (lambda lines: [*lines[:9], lines[9][:-5]], 10, "incomplete"),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_verification_names_the_line_of_a_change(path: Path, change: str) -> None:
    await write(path, range(1, 11))
    edit, line, text = CHANGES[change]
    path.write_bytes(b"".join(edit(path.read_bytes().splitlines(keepends=True))))
    code, problems = verified(path)
    assert code == 1
    assert problems[0].startswith(f"{path}:{line}: ")
    assert text in problems[0]


async def test_line_with_a_recomputed_hash_breaks_the_next_line(path: Path, tmp_path: Path) -> None:
    await write(path, [1, 2], [3])
    other = tmp_path / "other.jsonl"
    await write(other, [1, 9])
    lines = path.read_bytes().splitlines(keepends=True)
    forged = other.read_bytes().splitlines(keepends=True)[1]
    path.write_bytes(lines[0] + forged + lines[2])
    assert verified(path) == (
        1,
        [f"{path}:3: the line does not continue {path}:2: one of the two was changed or inserted"],
    )


async def test_missing_file_of_a_trail_is_reported(path: Path) -> None:
    await write(path, *([number] for number in range(1, 31)), max_bytes=600)
    files = trail(path)
    assert verified(*files) == (0, [])
    code, problems = verified(files[0], *files[2:])
    assert code == 1
    assert problems[0].startswith(f"{files[2]}:1: ")
    assert "missing" in problems[0]


async def test_removed_end_is_found_by_a_known_hash(path: Path) -> None:
    await write(path, [1, 2, 3])
    lines = path.read_bytes().splitlines(keepends=True)
    last = orjson.loads(lines[-1])["hash"]
    assert verified(path, options=["--contains", last]) == (0, [])
    path.write_bytes(b"".join(lines[:-1]))
    assert verified(path) == (0, [])
    code, problems = verified(path, options=["--contains", last])
    assert (code, problems) == (
        1,
        [f"no line has the hash {last}: lines are missing at the end, or were changed"],
    )


def test_unreadable_file_is_a_usage_error(tmp_path: Path) -> None:
    code, problems = verified(tmp_path / "none")
    assert code == UNUSABLE
    assert "none" in problems[0]
