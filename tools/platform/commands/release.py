"""Releases: prepare one as a commit and a tag."""

from __future__ import annotations

from typing import Annotated

import typer

from tools.platform.command_group import command_app
from tools.platform.console import out

app = command_app({name: f"tools.platform.commands.release:{name}" for name in ("prepare",)})


@app.callback()
def release() -> None:
    """Prepare a release as a commit and a tag."""


def prepare(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Version, such as 0.2.0.")],
) -> None:
    """Write VERSION and everything that repeats it, turn the fragments into CHANGELOG.md, commit, and tag the commit.

    Example: `release prepare 0.2.0`.
    """
    from tools.platform.release.prepare import prepare as commit_and_tag  # noqa: PLC0415 - `--help` needs none of it

    tag = commit_and_tag(version)
    out.print(f"{tag} is committed and tagged. To publish it: git push --follow-tags origin HEAD")
