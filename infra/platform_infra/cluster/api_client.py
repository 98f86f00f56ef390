"""The client with which programs and commands ask an API server: requests by path, and answers with any status."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TIMEOUT_SECONDS = 8
JSON = "application/json"
APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The status code of an answer, and its text as the server writes it."""

    status: int
    text: str
    reason: str = ""

    @property
    def json(self) -> Any:  # noqa: ANN401 - any document
        return json.loads(self.text or "null")

    @property
    def document(self) -> Mapping[str, Any]:
        """The object; for any other text, an object with the text as its message."""
        try:
            content = self.json
        except ValueError:
            content = None
        return content if isinstance(content, dict) else {"message": self.text.strip()}

    @property
    def accepted(self) -> bool:
        return self.status < HTTPStatus.BAD_REQUEST

    def checked(self) -> Answer:
        """Return this answer if it is no refusal.

        Raises:
            ApiException: it is one.
        """
        from kubernetes.client import ApiException  # noqa: PLC0415 - as below

        if self.accepted:
            return self
        raise ApiException(status=self.status, reason=self.reason, body=self.text)

    @property
    def message(self) -> str:
        """What the API server says about a refusal."""
        return str(self.document.get("message") or self.status)


class ApiClient:
    """A client of one API server with the credentials of one context, on the client of the kubernetes package."""

    def __init__(self, raw: Any) -> None:  # noqa: ANN401 - the client declares no types
        self.raw = raw

    def get(self, path: str, *, accept: str = JSON) -> Answer:
        """Send a GET request; see `send`."""
        return self.send("GET", path, accept=accept)

    def send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, accept: str = JSON
    ) -> Answer:
        """Send a request once and return the answer, whatever its status. A PATCH is a server-side apply.

        Raises:
            HTTPError: there is no answer.
            ApiException: the TLS handshake failed; its status is 0.
        """
        applied = method == "PATCH"
        headers = {"Content-Type": APPLY if applied else JSON, "Accept": accept}
        # JSON is YAML, too; the client serializes only what it declares as JSON.
        content = json.dumps(body) if applied else body
        request = self.raw.param_serialize(
            method, path, header_params=headers, body=content, auth_settings=["BearerToken"]
        )
        answer = self.raw.call_api(*request, _request_timeout=TIMEOUT_SECONDS)
        return Answer(status=answer.status, text=answer.read().decode(), reason=answer.reason)


def root_of(version: str) -> str:
    """Return the path of a group with its version, such as `apps/v1`."""
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


@contextmanager
def api_client(document: Mapping[str, Any], context: str) -> Iterator[ApiClient]:
    """Yield a client for a context of a parsed kubeconfig; see `connect`."""
    client = connect(document, context)
    with client.raw:
        yield client


def connect(document: Mapping[str, Any], context: str = "") -> ApiClient:
    """Return a client for a context of a parsed kubeconfig, by default the current one; it repeats no request.

    Raises:
        kubernetes.config.ConfigException: the context is not valid.
    """
    # Imported here: the import takes a second, and most programs ask nothing.
    from kubernetes import client, config  # noqa: PLC0415

    settings = client.Configuration()
    config.load_kube_config_from_dict(document, context=context or None, client_configuration=settings)
    settings.retries = False
    return ApiClient(client.ApiClient(settings))
