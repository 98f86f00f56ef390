"""The cluster of the demonstration, as far as it needs no API server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_infra.cluster.api_client import Answer
from tools.platform.demo import cluster as demo
from tools.platform.demo.cluster import DemoCluster, DemoError

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_ENDPOINT = Answer(status=503, text='{"message": "no endpoints available for service \\"inbox:http\\""}')


class Pages(DemoCluster):
    """A cluster whose API server answers so, and the last answer again and again."""

    def __init__(self, *answers: Answer) -> None:
        self.api = ScriptedApi(answers)  # type: ignore[assignment]  # it only gets pages


class ScriptedApi:
    def __init__(self, answers: Sequence[Answer]) -> None:
        self._answers = list(answers)

    def get(self, path: str) -> Answer:
        assert path == "/api/v1/namespaces/demo/services/inbox:http/proxy/api/messages"
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def test_page_of_a_service_without_an_endpoint_is_awaited() -> None:
    pages = Pages(NO_ENDPOINT, Answer(status=200, text="[1]"))
    assert pages.page("inbox:http", "api/messages") == [1]


def test_service_that_stays_without_an_endpoint_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SERVED_SECONDS", 0)
    with pytest.raises(DemoError, match="the Service inbox:http has an endpoint"):
        Pages(NO_ENDPOINT).page("inbox:http", "api/messages")
