"""Post Markdown to a pull request as one comment that later runs edit, on GitHub and GitLab."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated, Any

import aiohttp
import typer

from tools.platform.console import out
from tools.platform.errors import PlatformError
from tools.platform.pulumi.change_comment import MARK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAGE = 100
SECONDS = 30
MAX_LENGTH = 65_000
"""Characters of a comment; GitHub accepts 65,536, GitLab more."""
CUT = "\n\n… truncated: the comment has reached its maximum length.\n"

app = typer.Typer(add_completion=False)


class CommentError(PlatformError):
    """The comment cannot be posted."""


@app.command()
def comment(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Markdown files; they become one comment.")
    ],
) -> None:
    """Post Markdown files to the pull request as one comment; a later run edits it.

    The pull request and the token come from the environment of GitHub Actions (PR, GH_TOKEN) or GitLab CI (GITLAB_TOKEN).

    Example: `comment build/preview.md build/diff.md`.
    """
    out.print(f"comment {asyncio.run(post(forge(), joined(files)))}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """The API of a forge: `comments` lists and creates, `edit` on `comment`/<id> changes one."""

    comments: str
    comment: str
    edit: str
    headers: Mapping[str, str]


def forge(variables: Mapping[str, str] = os.environ) -> Forge:
    """Return the API for the pull request that the CI environment names.

    Raises:
        CommentError: the environment names no pull request, or has no token.
    """
    gitlab = "CI_MERGE_REQUEST_IID" in variables
    token = variables.get("GITLAB_TOKEN" if gitlab else "GH_TOKEN", "")
    required = (
        ("CI_API_V4_URL", "CI_PROJECT_ID", "CI_MERGE_REQUEST_IID", "GITLAB_TOKEN")
        if gitlab
        else ("GITHUB_REPOSITORY", "PR", "GH_TOKEN")
    )
    if missing := [name for name in required if not variables.get(name)]:
        raise CommentError(
            f"{', '.join(missing)} not set",
            hint="in GitHub Actions set PR and GH_TOKEN, in GitLab CI GITLAB_TOKEN",
        )
    if gitlab:
        project = f"{variables['CI_API_V4_URL']}/projects/{variables['CI_PROJECT_ID']}"
        notes = f"{project}/merge_requests/{variables['CI_MERGE_REQUEST_IID']}/notes"
        return Forge(comments=notes, comment=notes, edit="PUT", headers={"PRIVATE-TOKEN": token})
    repository = f"{variables.get('GITHUB_API_URL') or 'https://api.github.com'}/repos/{variables['GITHUB_REPOSITORY']}"
    return Forge(
        comments=f"{repository}/issues/{variables['PR']}/comments",
        comment=f"{repository}/issues/comments",
        edit="PATCH",
        headers={"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"},
    )


def marked(text: str) -> str:
    """Return the text of the comment: the mark first, truncated to the maximum length."""
    whole = "\n".join([MARK, *(line for line in text.splitlines() if line != MARK)])
    return whole if len(whole) <= MAX_LENGTH else whole[: MAX_LENGTH - len(CUT)].rpartition("\n")[0] + CUT


def joined(files: Sequence[Path]) -> str:
    """Return the content of all files.

    Raises:
        CommentError: a file cannot be read, or all are empty.
    """
    try:
        text = "\n".join(file.read_text("utf-8") for file in files)
    except OSError as error:
        raise CommentError(str(error)) from None
    if not text.strip():
        raise CommentError("the comment is empty: every file is")
    return text


async def post(api: Forge, text: str) -> str:
    """Edit the comment of an earlier run, or create it; return which of the two happened.

    Raises:
        CommentError: the forge rejected a request, or did not answer.
    """
    limit = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(headers=api.headers, timeout=limit) as session:
        existing = await _find(session, api)
        content = {"body": marked(text)}
        if existing is None:
            await _request(session, "POST", api.comments, json=content)
            return "created"
        await _request(session, api.edit, f"{api.comment}/{existing}", json=content)
        return "edited"


async def _find(session: aiohttp.ClientSession, api: Forge) -> int | None:
    page = 1
    while comments := await _request(
        session, "GET", api.comments, params={"per_page": str(PAGE), "page": str(page)}
    ):
        for entry in comments:
            if str(entry["body"]).startswith(MARK):
                return int(entry["id"])
        page += 1
    return None


async def _request(session: aiohttp.ClientSession, method: str, url: str, **more: Any) -> Any:  # noqa: ANN401 - any JSON
    try:
        async with session.request(method, url, **more) as response:
            if response.status >= HTTPStatus.BAD_REQUEST:
                text = (await response.text())[:500]
                raise CommentError(f"{method} {url} failed with status {response.status}: {text}")
            return await response.json()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise CommentError(f"{method} {url} failed: {str(error) or 'timed out'}") from None
