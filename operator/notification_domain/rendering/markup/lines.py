"""From Markdown to blocks of text: what the renderers of the channels have in common.

A renderer says how the elements look; this module knows how they are arranged. It reads the tokens one
after the other, so that no nesting, however deep, exceeds the stack.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.choices import BodyFormat
from notification_domain.rendering.markup.markdown import (
    MAX_RENDERED,
    TooLongError,
    is_markdown,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.token import Token

BULLET: Final = "\N{BULLET}"


class Kind(StrEnum):
    PARAGRAPH = "paragraph"
    HEADING = "heading"
    CODE = "code"
    TABLE = "table"
    RULE = "rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A part of a text that stands on lines of its own."""

    kind: Kind
    text: str
    level: int = 0
    """Heading level: 1 to 6."""
    tight: bool = False
    """Follows the block before it without an empty line."""


@dataclass(slots=True)
class _Container:
    """A list item or a quote that is open."""

    first: str
    rest: str
    used: bool = False


@dataclass(slots=True)
class _State:
    blocks: list[Block] = field(default_factory=list)
    containers: list[_Container] = field(default_factory=list)
    numbers: list[int | None] = field(default_factory=list)
    tight: bool = False
    rows: list[list[str]] = field(default_factory=list)
    size: int = 0
    """Characters of the blocks."""


class LineRenderer:
    """Renders Markdown as blocks of text; the methods below `blocks` are what the channels differ in."""

    gap = "\n\n"
    quote_prefix = "> "
    longest: int | None = None
    """Characters of a body that the service can show; None: all."""

    def text(self, text: str) -> str:
        """Return a text as the channel shows it unchanged: escaped, without mentions."""
        return text

    def native(self, text: str) -> str:
        """Return a text that is written in the channel's own markup: without mentions."""
        return self.text(text)

    def mark(self, name: str, text: str) -> str:
        """Return a text that is `strong`, `em` or `s`."""
        raise NotImplementedError

    def code(self, text: str) -> str:
        raise NotImplementedError

    def link(self, label: str, url: str) -> str:
        """Return a link; the label is rendered already."""
        raise NotImplementedError

    def heading(self, text: str, level: int) -> str:
        raise NotImplementedError

    def fence(self, text: str, language: str) -> str:
        """Return a block of code."""
        raise NotImplementedError

    def rule(self) -> str:
        return "\N{EM DASH}" * 3

    def table(self, rows: Sequence[Sequence[str]]) -> str:
        """Return a table; the first row is its head."""
        return "\n".join(" | ".join(row) for row in rows)

    def bullet(self, number: int | None) -> str:
        """Return what a list item starts with."""
        return f"{BULLET} " if number is None else f"{number}. "

    def body(self, text: str, form: BodyFormat) -> str:
        text = text[: self.longest]
        match form:
            case BodyFormat.MARKDOWN:
                return self.markdown(text)
            case BodyFormat.NATIVE:
                return self.native(text)
            case BodyFormat.PLAIN:
                return self.text(text)

    def markdown(self, text: str) -> str:
        """Render Markdown; a text that is too long or too complex for it is shown as it is written."""
        blocks = self.blocks(text)
        if blocks is None:
            return self.text(text)
        return "".join(
            f"{'' if index == 0 else chr(10) if block.tight else self.gap}{block.text}"
            for index, block in enumerate(blocks)
        )

    def blocks(self, text: str) -> list[Block] | None:
        """Return the blocks of a Markdown text; None for one that is shown as it is written."""
        if not is_markdown(text):
            return None
        try:
            return self._blocks(text)
        except TooLongError:
            return None

    def _blocks(self, text: str) -> list[Block]:
        # Megabytes, which only Markdown needs.
        from notification_domain.rendering.markup.commonmark import tokens_of  # noqa: PLC0415

        state = _State()
        stream = tokens_of(text)
        for index, token in enumerate(stream):
            match token.type:
                case "inline" if stream[index - 1].type in {"th_open", "td_open"}:
                    state.rows[-1].append(self._inline(token.children or []))
                case "inline":
                    self._leaf(state, self._inline(token.children or []), stream[index - 1])
                case "fence" | "code_block":
                    self._add(state, Kind.CODE, self.fence(token.content.rstrip("\n"), token.info.strip()))
                case "hr":
                    self._add(state, Kind.RULE, self.rule())
                case _:
                    self._structure(state, token)
        return state.blocks

    def _structure(self, state: _State, token: Token) -> None:
        match token.type:
            case "bullet_list_open":
                state.numbers.append(None)
            case "ordered_list_open":
                state.numbers.append(int(token.attrs.get("start", 1)))
            case "bullet_list_close" | "ordered_list_close":
                state.numbers.pop()
                state.tight = bool(state.numbers)
            case "list_item_open":
                self._open_item(state)
            case "blockquote_open":
                state.containers.append(_Container(self.quote_prefix, self.quote_prefix))
            case "list_item_close" | "blockquote_close":
                self._close(state)
            case "table_open":
                state.rows = []
            case "tr_open":
                state.rows.append([])
            case "table_close":
                self._add(state, Kind.TABLE, self.table(state.rows))

    def _open_item(self, state: _State) -> None:
        number = state.numbers[-1]
        start = self.bullet(number)
        if number is not None:
            state.numbers[-1] = number + 1
        state.containers.append(_Container(start, " " * len(start)))

    def _close(self, state: _State) -> None:
        if not state.containers[-1].used:
            self._add(state, Kind.PARAGRAPH, "")
        state.containers.pop()

    def _leaf(self, state: _State, text: str, opening: Token) -> None:
        if opening.type == "heading_open":
            level = int(opening.tag[1:])
            self._add(state, Kind.HEADING, self.heading(text, level), level=level)
        else:
            self._add(state, Kind.PARAGRAPH, text, hidden=opening.hidden)

    def _add(self, state: _State, kind: Kind, text: str, *, level: int = 0, hidden: bool = False) -> None:
        first = rest = ""
        for container in state.containers:
            first += container.rest if container.used else container.first
            rest += container.rest
            container.used = True
        lines = text.split("\n")
        whole = "\n".join([first + lines[0], *(rest + line for line in lines[1:])])
        state.size += len(whole)
        if state.size > MAX_RENDERED:
            raise TooLongError
        tight = hidden and state.tight
        state.tight = bool(state.numbers)
        state.blocks.append(Block(kind=kind, text=whole, level=level, tight=tight))

    def _inline(self, children: Sequence[Token]) -> str:
        """Return the text of one line's tokens; `open_marks` holds where each open mark began."""
        output: list[str] = []
        open_marks: list[tuple[int, str]] = []
        for token in children:
            if token.nesting == 1:
                open_marks.append((len(output), str(token.attrs.get("href", ""))))
            elif token.nesting == -1:
                start, url = open_marks.pop()
                inner = "".join(output[start:])
                del output[start:]
                output.append(self._closed(token.tag, inner, url))
            else:
                output.append(self._single(token))
        return "".join(output)

    def _closed(self, tag: str, inner: str, url: str) -> str:
        return self.link(inner or self.text(url), url) if tag == "a" else self.mark(tag, inner)

    def _single(self, token: Token) -> str:
        match token.type:
            case "code_inline":
                return self.code(token.content)
            case "image":  # as a link: nothing is loaded from an address that a message names
                url = str(token.attrs.get("src", ""))
                return self.link(self.text(token.content or url), url)
            case "softbreak" | "hardbreak":
                return "\n"
            case _:
                return self.text(token.content)
