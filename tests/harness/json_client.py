"""A client for a small JSON server on 127.0.0.1, for any thread, with persistent connections."""

from __future__ import annotations

import json
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError

CONNECTIONS = 16
JSON = {"Content-Type": "application/json"}
ANSWER_WITHIN = 30.0
"""Seconds; these servers respond immediately, but share the machine with everything under test."""


class JsonClient:
    def __init__(self, base: str, *, seconds: float = ANSWER_WITHIN) -> None:
        self._base = base.rstrip("/")
        timeout = urllib3.Timeout(total=seconds)
        self._pool = urllib3.PoolManager(maxsize=CONNECTIONS, block=True, retries=False, timeout=timeout)

    def request(self, method: str, path: str, body: object = None, **query: object) -> Any:
        """Return the JSON of a response, or its text; parameters that are None or "" are left out.

        Raises:
            AssertionError: the server is unreachable or rejects the request.
        """
        url = self._base + path
        fields = {key: str(value) for key, value in query.items() if value not in (None, "")}
        try:
            if body is None:
                answer = self._pool.request_encode_url(method, url, fields=fields)
            else:
                # Not urllib3's JSON support, which rejects lone surrogates.
                answer = self._pool.request(method, url, body=json.dumps(body), headers=JSON)
        except HTTPError as error:
            raise AssertionError(f"{method} {url}: {error}") from error
        text = answer.data.decode()
        assert answer.status < 400, f"{method} {url} answered {answer.status}: {text[:2000]}"
        return json.loads(text) if text[:1] in {"{", "["} else text
