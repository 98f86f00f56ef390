"""The images of a pull request are deleted, and no others; the registry asks for a token as hosted registries do."""

from __future__ import annotations

import base64
import json
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.kit.http_server import QuietHandler, running
from tools.platform.preview.lifecycle import delete_images
from tools.platform.preview.model import PreviewError
from tools.platform.preview.registry import (
    PASSWORD,
    USERNAME,
    PreviewRepository,
    RetentionNeededError,
    tag_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

TAGS = {"pr-7-aaaa": "d1", "pr-7-bbbb": "d1", "pr-7-cccc": "d2", "pr-70-aaaa": "d3", "v1": "d4"}
LIMIT = 100
"""Tags that the registry returns at most in one answer."""
KNOWN = "secret"
BASIC = "Basic " + base64.b64encode(f"robot:{KNOWN}".encode()).decode()


class Registry(ThreadingHTTPServer):
    """A registry with one repository; `deletes` is the status of its answer to a deletion."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tags = dict(TAGS)
        self.deletes = 202
        self.scopes: list[str] = []


class _Handler(QuietHandler):
    server: Registry

    def do_GET(self) -> None:  # noqa: N802 - the name in the base class
        url = urlsplit(self.path)
        if url.path == "/token":
            self.server.scopes += parse_qs(url.query)["scope"]
            known = self.headers.get("Authorization") == BASIC
            return self.reply(200 if known else 401, {"token": "t"} if known else {})
        if self.headers.get("Authorization") != "Bearer t":
            realm = f'Bearer realm="http://{self.headers["Host"]}/token",service="registry"'
            return self.reply(401, {}, **{"WWW-Authenticate": realm})
        name = url.path.rpartition("/")[2]
        if name == "list":
            return self.list(**{key: values[0] for key, values in parse_qs(url.query).items()})
        if self.command == "DELETE":
            if self.server.deletes == 202:
                self.server.tags = {tag: each for tag, each in self.server.tags.items() if each != name}
            return self.reply(self.server.deletes, {})
        digest = self.server.tags.get(name, "")
        return self.reply(200 if digest else 404, {}, **({"Docker-Content-Digest": digest} if digest else {}))

    def list(self, n: str, last: str = "") -> None:
        """Answer with at most two tags, as registries do that have a limit."""
        if int(n) > LIMIT:
            return self.reply(400, {"errors": [{"code": "PAGINATION_NUMBER_INVALID"}]})
        names = [*self.server.tags]
        first = names.index(last) + 1 if last else 0
        page, more = names[first : first + 2], names[first + 2 :]
        place = f"/v2/team/previews/tags/list?n={n}&last={page[-1]}" if more else ""
        return self.reply(200, {"tags": page}, **({"Link": f'<{place}>; rel="next"'} if more else {}))

    do_HEAD = do_DELETE = do_GET  # noqa: N815 - names of the base class

    def reply(self, status: int, document: object, **headers: str) -> None:
        body = b"" if self.command == "HEAD" else json.dumps(document).encode()
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def registry() -> Iterator[Registry]:
    server = Registry()
    with running(server):
        yield server


def repository(registry: Registry, password: str = KNOWN) -> PreviewRepository:
    variables = {USERNAME: "robot", PASSWORD: password}
    return PreviewRepository(
        name=f"127.0.0.1:{registry.server_address[1]}/team/previews", variables=variables
    )


def test_images_of_the_pull_request_are_deleted_and_no_others(registry: Registry) -> None:
    assert repository(registry).delete(7) == ["pr-7-aaaa", "pr-7-bbbb", "pr-7-cccc"]
    assert registry.tags == {"pr-70-aaaa": "d3", "v1": "d4"}
    assert set(registry.scopes) == {"repository:team/previews:pull,delete"}
    assert repository(registry).delete(7) == []


def test_registry_that_deletes_no_images_is_reported(registry: Registry) -> None:
    registry.deletes = 405
    with pytest.raises(RetentionNeededError, match="deletes no images; its retention has to"):
        repository(registry).delete(7)


def test_images_that_the_registry_keeps_do_not_fail_the_command(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.deletes = 405
    monkeypatch.setenv(USERNAME, "robot")
    monkeypatch.setenv(PASSWORD, KNOWN)
    delete_images(7, repository(registry).name)
    assert capsys.readouterr().out == ""


def test_refused_deletion_is_reported(registry: Registry) -> None:
    registry.deletes = 403
    with pytest.raises(PreviewError, match="was not deleted: its registry answers 403") as caught:
        repository(registry).delete(7)
    assert PASSWORD in caught.value.hint


def test_refused_login_is_reported(registry: Registry) -> None:
    with pytest.raises(PreviewError, match="cannot be read: its registry answers 401"):
        repository(registry, password="wrong").delete(7)


def test_tag_names_pull_request_and_commit() -> None:
    assert tag_of(7, "0123456789abcdef") == "pr-7-0123456789ab"
    assert tag_of(7, "") == "pr-7-checkout"
