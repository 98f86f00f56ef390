"""What the audit store is asked, and what its answers mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from notification_operator.observers.audit.store import HttpAuditStore, Refused, Unavailable
from tests.unit.operator.observers.audit.conftest import NEVER

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.operator.observers.audit.conftest import AuditStore


async def test_a_batch_is_one_json_array_from_the_service_that_sends_it(
    store: AuditStore, tmp_path: Path
) -> None:
    client = HttpAuditStore(f"{store.url}/", token_file=tmp_path / "none")
    await client.write([b'{"n": 1}', b'{"n": "\xc3\xa9"}'])
    await client.close()
    assert store.batches == [[{"n": 1}, {"n": "é"}]]
    (request,) = store.requests
    assert request.headers["X-Auth-Request-User"] == "notification-controller"
    assert request.headers["Content-Type"] == "application/json"
    assert "Authorization" not in request.headers


async def test_the_token_of_the_service_account_is_read_anew_for_each_batch(
    store: AuditStore, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    client = HttpAuditStore(store.url, token_file=token)
    for text in ("first\n", "second\n"):
        token.write_text(text)
        await client.write([b"{}"])
    await client.close()
    assert [request.headers["Authorization"] for request in store.requests] == [
        "Bearer first",
        "Bearer second",
    ]


@pytest.mark.parametrize(("code", "kind"), [(400, Refused), (429, Refused), (500, Unavailable)])
async def test_an_error_names_the_endpoint_the_code_and_what_was_said(
    store: AuditStore, tmp_path: Path, code: int, kind: type[Exception]
) -> None:
    store.answers = [code]
    client = HttpAuditStore(store.url, token_file=tmp_path / "none")
    with pytest.raises(kind, match=rf"/api/v1/audit/events/batch responded with {code}: said the store"):
        await client.write([b"{}"])
    await client.close()


async def test_no_answer_is_told_with_the_time_that_it_had(store: AuditStore, tmp_path: Path) -> None:
    store.answers = [NEVER]
    client = HttpAuditStore(store.url, token_file=tmp_path / "none", response_seconds=0.05)
    with pytest.raises(Unavailable, match=r"did not respond within 0\.05 s"):
        await client.write([b"{}"])
    await client.close()


async def test_a_store_that_is_not_there_may_come_back(tmp_path: Path) -> None:
    client = HttpAuditStore("http://127.0.0.1:9", token_file=tmp_path / "none")
    with pytest.raises(Unavailable, match="cannot be reached"):
        await client.write([b"{}"])
    await client.close()
