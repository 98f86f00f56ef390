"""Put Markdown into a pull request as one comment that is edited in place: `python -m tools.platform.commands.comment FILE...`.

Which pull request, and the way to it, stand in the environment as GitHub Actions and GitLab CI have it; several files
become one comment. It is found again by a mark in its first line.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from tools.platform.pulumi.changes import MARK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAGE = 100
SECONDS = 30
LONGEST = 65_000
"""Characters of a comment; GitHub takes 65,536, GitLab more."""
CUT = "\n\n… cut here: a comment takes no more.\n"


class CommentError(Exception):
    """The comment cannot be put; the message says what is missing or what was answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """Where a pull request's comments are listed and made, below which one is edited, and how."""

    comments: str
    comment: str
    edit: str
    headers: Mapping[str, str]


def forge(given: Mapping[str, str] = os.environ) -> Forge:
    """Return the way to the pull request that the environment tells of.

    Raises:
        CommentError: it tells of none, or gives no token.
    """
    gitlab = "CI_MERGE_REQUEST_IID" in given
    token = given.get("GITLAB_TOKEN" if gitlab else "GH_TOKEN", "")
    needed = (
        ("CI_API_V4_URL", "CI_PROJECT_ID", "CI_MERGE_REQUEST_IID", "GITLAB_TOKEN")
        if gitlab
        else ("GITHUB_REPOSITORY", "PR", "GH_TOKEN")
    )
    if missing := [name for name in needed if not given.get(name)]:
        raise CommentError(
            f"{', '.join(missing)} not set; in GitHub Actions set PR and GH_TOKEN, in GitLab CI GITLAB_TOKEN"
        )
    if gitlab:
        project = f"{given['CI_API_V4_URL']}/projects/{given['CI_PROJECT_ID']}"
        notes = f"{project}/merge_requests/{given['CI_MERGE_REQUEST_IID']}/notes"
        return Forge(comments=notes, comment=notes, edit="PUT", headers={"PRIVATE-TOKEN": token})
    repository = (
        f"{given.get('GITHUB_API_URL') or 'https://api.github.com'}/repos/{given['GITHUB_REPOSITORY']}"
    )
    return Forge(
        comments=f"{repository}/issues/{given['PR']}/comments",
        comment=f"{repository}/issues/comments",
        edit="PATCH",
        headers={"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"},
    )


def marked(text: str) -> str:
    """Return the comment: the mark first, and no longer than a comment may be."""
    whole = "\n".join([MARK, *(line for line in text.splitlines() if line != MARK)])
    return whole if len(whole) <= LONGEST else whole[: LONGEST - len(CUT)].rpartition("\n")[0] + CUT


def joined(files: Sequence[str]) -> str:
    """Return the content of all files.

    Raises:
        CommentError: there is none.
        OSError: one cannot be read.
    """
    text = "\n".join(Path(name).read_text("utf-8") for name in files)
    if not text.strip():
        raise CommentError("there is nothing to say; give files that hold something")
    return text


async def put(where: Forge, text: str) -> str:
    """Edit our comment, or make it where there is none yet; return which of the two.

    Raises:
        CommentError: the forge refused.
    """
    limit = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(headers=where.headers, timeout=limit) as session:
        found = await _find(session, where)
        content = {"body": marked(text)}
        if found is None:
            await _ask(session, "POST", where.comments, json=content)
            return "made"
        await _ask(session, where.edit, f"{where.comment}/{found}", json=content)
        return "edited"


async def _find(session: aiohttp.ClientSession, where: Forge) -> int | None:
    page = 1
    while found := await _ask(
        session, "GET", where.comments, params={"per_page": str(PAGE), "page": str(page)}
    ):
        for entry in found:
            if str(entry["body"]).startswith(MARK):
                return int(entry["id"])
        page += 1
    return None


async def _ask(session: aiohttp.ClientSession, method: str, url: str, **more: Any) -> Any:  # noqa: ANN401 - its JSON
    try:
        async with session.request(method, url, **more) as answer:
            if answer.status >= 400:  # noqa: PLR2004 - HTTP: refused
                said = (await answer.text())[:500]
                raise CommentError(f"{method} {url} was answered with {answer.status}: {said}")
            return await answer.json()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise CommentError(f"{method} {url} was not answered: {str(error) or 'too slow'}") from None


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    try:
        text = joined(arguments)
        print(f"the comment is {asyncio.run(put(forge(), text))}.")
    except (CommentError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
