"""One comment per pull request, edited by later runs, on both forges."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from tools.platform.commands.repository.comment import MAX_LENGTH, CommentError, forge, joined, marked, post
from tools.platform.pulumi.change_comment import MARK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LISTS = {"github": "/repos/acme/shop/issues/7/comments", "gitlab": "/projects/42/merge_requests/7/notes"}
EDITS = {"github": "/repos/acme/shop/issues/comments/{id}", "gitlab": f"{LISTS['gitlab']}/{{id}}"}
METHODS = {"github": "PATCH", "gitlab": "PUT"}


@dataclass
class FakeForge:
    """The comments of one pull request in pages, behind the paths of a real forge."""

    name: str
    url: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def add(self, *bodies: str) -> None:
        self.comments += [{"id": 100 + number, "body": body} for number, body in enumerate(bodies)]

    def environment(self) -> dict[str, str]:
        if self.name == "github":
            return {
                "GITHUB_API_URL": self.url,
                "GITHUB_REPOSITORY": "acme/shop",
                "PR": "7",
                "GH_TOKEN": "secret",
            }
        return {
            "CI_API_V4_URL": self.url,
            "CI_PROJECT_ID": "42",
            "CI_MERGE_REQUEST_IID": "7",
            "GITLAB_TOKEN": "secret",
        }

    async def list(self, request: web.Request) -> web.Response:
        self.tokens.add(request.headers.get("Authorization", "") + request.headers.get("PRIVATE-TOKEN", ""))
        size, page = int(request.query["per_page"]), int(request.query["page"])
        return web.json_response(self.comments[(page - 1) * size : page * size])

    async def create(self, request: web.Request) -> web.Response:
        self.comments.append({"id": 1, "body": (await request.json())["body"]})
        return web.json_response({}, status=201)

    async def edit(self, request: web.Request) -> web.Response:
        (comment,) = [entry for entry in self.comments if str(entry["id"]) == request.match_info["id"]]
        comment["body"] = (await request.json())["body"]
        return web.json_response(comment)


@pytest.fixture(params=["github", "gitlab"])
async def fake(request: pytest.FixtureRequest) -> AsyncIterator[FakeForge]:
    server = FakeForge(name=request.param)
    app = web.Application()
    app.router.add_get(LISTS[server.name], server.list)
    app.router.add_post(LISTS[server.name], server.create)
    app.router.add_route(METHODS[server.name], EDITS[server.name], server.edit)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    server.url = f"http://{host}:{port}"
    yield server
    await runner.cleanup()


async def test_first_run_creates_the_comment_and_later_runs_edit_it(fake: FakeForge) -> None:
    fake.add("looks good to me")
    where = forge(fake.environment())
    assert await post(where, "one") == "created"
    assert await post(where, "two") == "edited"
    assert await post(where, f"{MARK}\nthree") == "edited"
    assert [entry["body"] for entry in fake.comments] == ["looks good to me", f"{MARK}\nthree"]
    (token,) = fake.tokens
    assert "secret" in token


async def test_comment_is_found_among_many_and_a_quote_is_not_edited(fake: FakeForge) -> None:
    fake.add(*(f"remark {number}" for number in range(250)), f"> {MARK}", f"{MARK}\nours", "last")
    assert await post(forge(fake.environment()), "new") == "edited"
    assert [entry["body"] for entry in fake.comments][-3:] == [f"> {MARK}", f"{MARK}\nnew", "last"]


async def test_rejected_request_is_reported_with_method_and_url(fake: FakeForge) -> None:
    where = forge(fake.environment())
    with pytest.raises(CommentError, match=r"GET http://127.0.0.1.*/other/place failed with status 404"):
        await post(replace(where, comments=f"{where.comments}/other/place"), "text")


async def test_unreachable_forge_is_reported() -> None:
    nowhere = {"GITHUB_API_URL": "http://127.0.0.1:9", "GITHUB_REPOSITORY": "a/b", "PR": "1", "GH_TOKEN": "t"}
    with pytest.raises(CommentError, match=r"http://127\.0\.0\.1:9/.* failed: "):
        await post(forge(nowhere), "text")


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ({}, "GITHUB_REPOSITORY, PR, GH_TOKEN not set"),
        ({"GITHUB_REPOSITORY": "a/b", "PR": "1"}, "GH_TOKEN not set"),
        ({"CI_MERGE_REQUEST_IID": "1", "CI_API_V4_URL": "u", "CI_PROJECT_ID": "4"}, "GITLAB_TOKEN not set"),
    ],
)
def test_missing_variables_are_named(variables: dict[str, str], missing: str) -> None:
    with pytest.raises(CommentError, match=missing):
        forge(variables)


def test_long_text_is_truncated_at_a_line() -> None:
    text = marked("\n".join(f"line {number}" for number in range(20_000)))
    assert len(text) <= MAX_LENGTH
    assert text.startswith(f"{MARK}\nline 0\n")
    assert "truncated" in text.splitlines()[-1]


def test_empty_and_missing_files_are_an_error(tmp_path: Path) -> None:
    empty = tmp_path / "empty.md"
    empty.write_text("\n")
    with pytest.raises(CommentError, match="the comment is empty"):
        joined([empty])
    with pytest.raises(CommentError, match=r"missing\.md"):
        joined([tmp_path / "missing.md"])
