"""The lines of an audit file: each holds an event, its number, and hashes that chain it to the line before it. Pure.

A line is `{"sequence":N,"previous":"…","event":{…},"hash":"…"}`. Its hash is the SHA-256 of the line's bytes before
`,"hash"`, and `previous` is the hash of the line before it (DD-AUDIT-002).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

GENESIS: Final = "0" * 64
"""`previous` of the first line of a chain."""
_LINE: Final = re.compile(
    rb'(\{"sequence":([0-9]{1,18}),"previous":"([0-9a-f]{64})","event":\{.*\}),"hash":"([0-9a-f]{64})"\}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The position of a line in its chain."""

    sequence: int
    previous: str
    hash: str


START: Final = Link(sequence=0, previous=GENESIS, hash=GENESIS)
"""The position before the first line."""


def append(event: bytes, last: Link) -> tuple[bytes, Link]:
    """Return the line of an event that follows the line `last`, with its line break, and its position."""
    sequence = last.sequence + 1
    content = b'{"sequence":%d,"previous":"%s","event":%s' % (sequence, last.hash.encode(), event)
    digest = hashlib.sha256(content).hexdigest()
    line = b'%s,"hash":"%s"}\n' % (content, digest.encode())
    return line, Link(sequence=sequence, previous=last.hash, hash=digest)


def parse(line: bytes) -> Link | None:
    """Return the position of a line without its line break; None if its content does not match its hash."""
    match = _LINE.fullmatch(line)
    if match is None or hashlib.sha256(match[1]).hexdigest() != match[4].decode():
        return None
    return Link(sequence=int(match[2]), previous=match[3].decode(), hash=match[4].decode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A line at which the chain is broken."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


@dataclass(slots=True, kw_only=True)
class Verification:
    """The state of a verification that has read some lines."""

    first: Link | None = None
    last: Link | None = None
    last_place: str = ""
    lines: int = 0
    hashes_to_meet: set[str]
    """Hashes that the chain must contain; a hash that was met is removed."""

    def problems(self, lines: Iterable[tuple[str, bytes]]) -> Iterator[Problem]:
        """Read lines, each with its place, and yield what is wrong with them."""
        for place, line in lines:
            self.lines += 1
            if not line.endswith(b"\n"):
                yield Problem(place=place, text="the line is incomplete: its end is missing")
                continue
            link = parse(line[:-1])
            if link is None:
                yield Problem(place=place, text="the line was changed: its content does not match its hash")
                # The next line shows where this one stood.
                self.last = (
                    None if self.last is None else Link(sequence=self.last.sequence + 1, previous="", hash="")
                )
                self.last_place = place
                continue
            yield from self._check(place, link)
            self.hashes_to_meet.discard(link.hash)
            self.first = self.first or link
            self.last, self.last_place = link, place

    def summary(self) -> str:
        """Return the extent of a chain without problems."""
        if self.first is None or self.last is None:
            return "no lines"
        return (
            f"{self.lines} lines, {self.first.sequence} to {self.last.sequence}, last hash {self.last.hash}"
        )

    def _check(self, place: str, link: Link) -> Iterator[Problem]:
        last = self.last
        if last is None:
            if self.first is None and self.lines == 1 and link.sequence == 1 and link.previous != GENESIS:
                yield Problem(place=place, text="the first line of the chain names a line before it")
            return
        expected = last.sequence + 1
        if link.sequence > expected:
            missing = (
                f"line {expected} is"
                if link.sequence == expected + 1
                else f"lines {expected} to {link.sequence - 1} are"
            )
            yield Problem(place=place, text=f"{missing} missing before line {link.sequence} of the chain")
        elif link.sequence < expected:
            yield Problem(
                place=place,
                text=f"line {link.sequence} of the chain is out of order or inserted; line {expected} is expected",
            )
        elif last.hash and link.previous != last.hash:
            yield Problem(
                place=place,
                text=f"the line does not continue {self.last_place}: one of the two was changed or inserted",
            )


def numbered_lines(files: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """Yield each line with its place as `FILE:LINE`.

    Raises:
        OSError: a file cannot be read.
    """
    for file in files:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                yield f"{file}:{number}", line
