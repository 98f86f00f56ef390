"""The client of the audit store: its requests, and the error of each response."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from notification_operator.observers.audit.store import HttpAuditStore, Refused, Unavailable
from tests.unit.operator.observers.audit.conftest import NEVER

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.operator.observers.audit.conftest import AuditStore


async def test_batch_is_one_json_array_with_the_actor(store: AuditStore, tmp_path: Path) -> None:
    client = HttpAuditStore(f"{store.url}/", token_file=tmp_path / "none")
    await client.write([b'{"n": 1}', b'{"n": "\xc3\xa9"}'])
    await client.close()
    assert store.batches == [[{"n": 1}, {"n": "é"}]]
    (request,) = store.requests
    assert request.headers["X-Auth-Request-User"] == "notification-controller"
    assert request.headers["Content-Type"] == "application/json"
    assert "Authorization" not in request.headers


async def test_token_is_read_again_for_each_batch(store: AuditStore, tmp_path: Path) -> None:
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
async def test_error_names_endpoint_code_and_body(
    store: AuditStore, tmp_path: Path, code: int, kind: type[Exception]
) -> None:
    store.statuses = [code]
    client = HttpAuditStore(store.url, token_file=tmp_path / "none")
    with pytest.raises(kind, match=rf"/api/v1/audit/events/batch responded with {code}: from the store"):
        await client.write([b"{}"])
    await client.close()


async def test_timeout_is_reported_with_its_limit(store: AuditStore, tmp_path: Path) -> None:
    store.statuses = [NEVER]
    client = HttpAuditStore(store.url, token_file=tmp_path / "none", response_seconds=0.05)
    with pytest.raises(Unavailable, match=r"did not respond within 0\.05 s"):
        await client.write([b"{}"])
    await client.close()


async def test_unreachable_store_is_unavailable(tmp_path: Path) -> None:
    client = HttpAuditStore("http://127.0.0.1:9", token_file=tmp_path / "none")
    with pytest.raises(Unavailable, match="cannot be reached"):
        await client.write([b"{}"])
    await client.close()
