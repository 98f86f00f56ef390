"""One comment in a pull request, edited in place, on both forges."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from tools.platform.commands.comment import LONGEST, CommentError, forge, main, marked, put
from tools.platform.pulumi.changes import MARK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LISTS = {"github": "/repos/acme/shop/issues/7/comments", "gitlab": "/projects/42/merge_requests/7/notes"}
EDITS = {"github": "/repos/acme/shop/issues/comments/{id}", "gitlab": f"{LISTS['gitlab']}/{{id}}"}
METHODS = {"github": "PATCH", "gitlab": "PUT"}


@dataclass
class FakeForge:
    """The comments of one pull request, a few a page, behind the paths of a real forge."""

    name: str
    url: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def say(self, *bodies: str) -> None:
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

    async def make(self, request: web.Request) -> web.Response:
        self.comments.append({"id": 1, "body": (await request.json())["body"]})
        return web.json_response({}, status=201)

    async def edit(self, request: web.Request) -> web.Response:
        (found,) = [entry for entry in self.comments if str(entry["id"]) == request.match_info["id"]]
        found["body"] = (await request.json())["body"]
        return web.json_response(found)


@pytest.fixture(params=["github", "gitlab"])
async def fake(request: pytest.FixtureRequest) -> AsyncIterator[FakeForge]:
    made = FakeForge(name=request.param)
    app = web.Application()
    app.router.add_get(LISTS[made.name], made.list)
    app.router.add_post(LISTS[made.name], made.make)
    app.router.add_route(METHODS[made.name], EDITS[made.name], made.edit)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    made.url = f"http://{host}:{port}"
    yield made
    await runner.cleanup()


async def test_the_first_push_makes_the_comment_and_the_next_ones_edit_it(fake: FakeForge) -> None:
    fake.say("looks good to me")
    where = forge(fake.environment())
    assert await put(where, "one") == "made"
    assert await put(where, "two") == "edited"
    assert await put(where, f"{MARK}\nthree") == "edited"
    assert [entry["body"] for entry in fake.comments] == ["looks good to me", f"{MARK}\nthree"]
    (token,) = fake.tokens
    assert "secret" in token


async def test_it_is_found_among_many_and_one_that_quotes_it_is_left_alone(fake: FakeForge) -> None:
    fake.say(*(f"remark {number}" for number in range(250)), f"> {MARK}", f"{MARK}\nours", "last")
    assert await put(forge(fake.environment()), "new") == "edited"
    assert [entry["body"] for entry in fake.comments][-3:] == [f"> {MARK}", f"{MARK}\nnew", "last"]


async def test_a_refusal_is_told_with_what_was_asked(fake: FakeForge) -> None:
    where = forge(fake.environment())
    with pytest.raises(CommentError, match=r"GET http://127.0.0.1.*/other/place was answered with 404"):
        await put(replace(where, comments=f"{where.comments}/other/place"), "text")


async def test_a_forge_that_is_not_there_is_told() -> None:
    nowhere = {"GITHUB_API_URL": "http://127.0.0.1:9", "GITHUB_REPOSITORY": "a/b", "PR": "1", "GH_TOKEN": "t"}
    with pytest.raises(CommentError, match="was not answered"):
        await put(forge(nowhere), "text")


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "GITHUB_REPOSITORY, PR, GH_TOKEN not set"),
        ({"GITHUB_REPOSITORY": "a/b", "PR": "1"}, "GH_TOKEN not set"),
        ({"CI_MERGE_REQUEST_IID": "1", "CI_API_V4_URL": "u", "CI_PROJECT_ID": "4"}, "GITLAB_TOKEN not set"),
    ],
)
def test_what_the_environment_lacks_is_named(given: dict[str, str], missing: str) -> None:
    with pytest.raises(CommentError, match=missing):
        forge(given)


def test_a_text_that_is_too_long_is_cut_at_a_line_and_says_so() -> None:
    text = marked("\n".join(f"line {number}" for number in range(20_000)))
    assert len(text) <= LONGEST
    assert text.startswith(f"{MARK}\nline 0\n")
    assert "cut here" in text.splitlines()[-1]


def test_nothing_to_say_is_no_comment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty.md"
    empty.write_text("\n")
    assert main([str(empty)]) == 1
    assert main([str(tmp_path / "missing.md")]) == 1
    assert "nothing to say" in capsys.readouterr().err
