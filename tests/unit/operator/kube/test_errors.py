"""`KubeError`: what a failure of the API server means, and how every other exception becomes one."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from kubernetes.aio.client.exceptions import ApiException

from notification_runtime.kube.requests import KubeError, from_status, translated

PROPERTIES = ("not_found", "conflict", "expired", "denied", "bad_request", "transient")


def true_of(error: KubeError) -> set[str]:
    return {name for name in PROPERTIES if getattr(error, name)}


@pytest.mark.parametrize(
    ("status", "properties"),
    [
        (None, {"transient"}),
        (400, {"bad_request"}),
        (401, {"denied"}),
        (403, {"denied"}),
        (404, {"not_found"}),
        (409, {"conflict"}),
        (410, {"expired"}),
        (422, set()),
        (429, {"transient"}),
        (500, {"transient"}),
        (503, {"transient"}),
    ],
)
def test_error_has_the_properties_of_its_status(status: int | None, properties: set[str]) -> None:
    assert true_of(KubeError(status=status, reason="because")) == properties


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (ApiException(status=403, reason="not allowed"), "403 not allowed"),
        (aiohttp.ClientConnectionError("connection lost"), "connection lost"),
        (OSError("no route"), "no route"),
        (TimeoutError(), "no answer in time"),
        (ValueError("no JSON"), "no JSON"),
    ],
)
def test_failure_of_a_call_becomes_a_kube_error(failure: Exception, message: str) -> None:
    with pytest.raises(KubeError) as error, translated():
        raise failure
    assert str(error.value) == message
    assert error.value.__cause__ is failure


@pytest.mark.parametrize(
    "exception", [asyncio.CancelledError(), KeyError("items"), KubeError(status=404, reason="gone")]
)
def test_other_exception_passes_through(exception: BaseException) -> None:
    with pytest.raises(type(exception)) as error, translated():
        raise exception
    assert error.value is exception


def test_status_object_becomes_an_error_with_its_code_and_message() -> None:
    error = from_status({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"})
    assert (error.status, error.reason, error.expired, error.continue_token) == (410, "too old", True, "")


def test_status_of_an_expired_listing_has_the_token_to_go_on_with() -> None:
    error = from_status({"code": 410, "message": "too old", "metadata": {"continue": "next"}})
    assert error.continue_token == "next"
