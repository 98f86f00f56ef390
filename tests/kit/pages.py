"""The sections of the documentation's pages, with the commands and settings in them."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import TYPE_CHECKING, Any, Final

import typer
import yaml

from platform_infra.names import PROJECT
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

DIGEST: Final = f"sha256:{'0123456789abcdef' * 4}"
NEXT_DIGEST: Final = f"sha256:{'fedcba9876543210' * 4}"
"""They stand in place of a digest that a page leaves out: in a file, and in a command."""
PLATFORM: Final = "tools/notif-platform "
_BLOCK: Final = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


def section(page: str, title: str = "") -> str:
    """Return the text below a heading of a page in docs/, down to the next one of its level; the whole page without a title."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    if not title:
        return text
    heading = re.search(rf"^(#+) {re.escape(title)}\n", text, re.MULTILINE)
    assert heading is not None, f"docs/{page} has no heading {title!r}"
    rest = text[heading.end() :]
    return re.split(rf"^#{{2,{len(heading[1])}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def commands(page: str, title: str = "") -> list[str]:
    """Return the commands of a section, without their comments."""
    lines = (line for block in blocks("sh", page, title) for line in block.splitlines())
    return [command for line in lines if (command := line.partition("  #")[0].strip())]


def platform_commands(page: str, title: str, stack: str) -> list[list[str]]:
    """Return the words of each command of the platform in a section, with the name of another stack."""
    lines = (line for line in commands(page, title) if line.startswith(PLATFORM))
    words = (line.removeprefix(PLATFORM).replace("sha256:…", NEXT_DIGEST).split() for line in lines)
    return [[each.replace("eks", stack) for each in command] for command in words]


def settings(page: str, title: str) -> list[dict[str, Any]]:
    """Return the settings of each block of YAML of a section, by key without the project's name."""
    documents = (yaml.safe_load(each.replace("sha256:…", DIGEST)) for each in blocks("yaml", page, title))
    return [
        {key.removeprefix(f"{PROJECT}:"): value for key, value in block.get("config", block).items()}
        for block in documents
    ]


def transcribe(command: str, output: str) -> None:
    """Write a command of a page with its output; `pytest -rP` shows it."""
    typer.echo(f"$ {command}\n{output}")


def blocks(language: str, page: str, title: str = "") -> Sequence[str]:
    """Return the blocks of a language in a section, with one line for each command."""
    found = _BLOCK.findall(section(page, title))
    return [dedent(body).replace("\\\n", " ") for _, written, body in found if written == language]
