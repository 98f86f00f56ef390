"""The images of previews in their repository: one tag per pull request and commit, deleted with the preview."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import urllib3

from tools.platform.preview.model import PreviewError

if TYPE_CHECKING:
    from collections.abc import Mapping

USERNAME, PASSWORD = "PREVIEW_PUSH_USERNAME", "PREVIEW_PUSH_PASSWORD"
MANIFESTS = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
)
LOCAL = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
PARAMETER = re.compile(r'(\w+)="([^"]*)"')
PAGE = 100
"""Tags that a registry is asked for at a time; some refuse more."""
NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next\b')


class RetentionNeededError(PreviewError):
    """The registry deletes no images, as that of GitHub; its retention has to."""


def tag_of(number: int, commit: str) -> str:
    return f"pr-{number}-{commit[:12] or 'checkout'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRepository:
    """A repository that holds images of previews only; `variables` may have a user that can delete in it."""

    name: str
    variables: Mapping[str, str]
    _pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(timeout=30, retries=2))

    @property
    def _address(self) -> str:
        host, _, path = self.name.partition("/")
        return f"{'http' if LOCAL.fullmatch(host) else 'https'}://{host}/v2/{path}"

    def delete(self, number: int) -> list[str]:
        """Delete the images of a pull request, and return their tags.

        Raises:
            RetentionNeededError: the registry deletes no images.
            PreviewError: it refuses that.
        """
        tags = [tag for tag in self._tags() if tag.startswith(f"pr-{number}-")]
        for tag in tags:
            answer = self._send("HEAD", f"manifests/{tag}")
            if answer.status == HTTPStatus.OK:
                answer = self._send("DELETE", f"manifests/{answer.headers['Docker-Content-Digest']}")
            if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
                raise RetentionNeededError(
                    f"the registry of {self.name} deletes no images; its retention has to"
                )
            # Not found: another tag of the same image was deleted with it.
            if answer.status not in {HTTPStatus.ACCEPTED, HTTPStatus.NOT_FOUND}:
                raise self._refusal(f"the image {self.name}:{tag} was not deleted", answer)
        return tags

    def _tags(self) -> list[str]:
        tags: list[str] = []
        query = f"n={PAGE}"
        while query:
            answer = self._send("GET", f"tags/list?{query}")
            if answer.status == HTTPStatus.NOT_FOUND:
                break
            if answer.status != HTTPStatus.OK:
                raise self._refusal(f"the tags of {self.name} cannot be read", answer)
            tags += answer.json().get("tags") or []
            more = NEXT.search(answer.headers.get("Link", ""))
            # Its query alone: the credentials are for this repository.
            query = urlsplit(more[1]).query if more else ""
        return tags

    def _refusal(self, what: str, answer: urllib3.BaseHTTPResponse) -> PreviewError:
        return PreviewError(
            f"{what}: its registry answers {answer.status}",
            hint=f"set {USERNAME} and {PASSWORD} to a user who can read and delete there",
        )

    def _send(self, method: str, path: str) -> urllib3.BaseHTTPResponse:
        """Send a request, with the token that the registry asks for or with the password."""
        url, headers = f"{self._address}/{path}", {"Accept": MANIFESTS}
        user, password = self.variables.get(USERNAME, ""), self.variables.get(PASSWORD, "")
        basic = urllib3.make_headers(basic_auth=f"{user}:{password}") if password else {}
        answer = self._pool.request(method, url, headers={**headers, **basic})
        challenge = answer.headers.get("WWW-Authenticate", "")
        if answer.status != HTTPStatus.UNAUTHORIZED or not challenge.startswith("Bearer "):
            return answer
        asked = dict(PARAMETER.findall(challenge))
        scope = f"repository:{self.name.partition('/')[2]}:pull,delete"
        fields = {"service": asked.get("service", ""), "scope": scope}
        granted = self._pool.request("GET", asked["realm"], headers=basic, fields=fields)
        if granted.status != HTTPStatus.OK:
            return granted
        document = granted.json()
        token = document.get("token") or document["access_token"]
        return self._pool.request(method, url, headers={**headers, "Authorization": f"Bearer {token}"})
