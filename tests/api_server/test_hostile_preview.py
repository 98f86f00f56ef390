"""A hostile pull request with the account for previews: what it may do, and 40 calls that the API server forbids."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from platform_infra import names
from platform_infra.names import PREVIEW_NAMESPACE
from platform_infra.preview.admission import USER
from platform_infra.preview.grants import MANAGER_ROLE
from tests.api_server.conftest import objects
from tests.api_server.preview_calls import (
    API,
    APPS,
    AUTHORIZATION,
    BARE,
    FORBIDDEN,
    FOREIGN,
    HOME,
    NOTIFICATION,
    OWN,
    REQUESTS,
    Call,
    binding,
    inside,
    namespace,
    quota,
    workload,
)
from tests.harness.eventually import eventually

if TYPE_CHECKING:
    from tests.api_server.conftest import Answer, ApiServer

GROUPS = ("system:serviceaccounts", f"system:serviceaccounts:{PREVIEW_NAMESPACE}", "system:authenticated")
MERGE = "application/merge-patch+json"
BEYOND = tuple(
    Call(tries=tries, method="POST", path=f"{inside(BARE)}/resourcequotas", body=body)
    for tries, body in (
        ("more pods", quota(pods="3")),
        ("more memory", quota(**{"limits.memory": "513Mi"})),
        ("more notifications", quota(**{"count/notificationrequests.kubernaut.ai": "501"})),
        ("no limit of memory", {**quota(), "spec": {"hard": {"pods": "2"}}}),
        ("a scope", {**quota(), "spec": {**quota()["spec"], "scopes": ["Terminating"]}}),
    )
)
"""Quotas that do not bound a preview as its base does."""


# A worker may come back to a module, and its API server has the objects of the fixture then.
@pytest.fixture(scope="session")
def base(api_server: ApiServer) -> ApiServer:
    """A base whose account has brought up pr-7, and a namespace pr-9 without a quota."""
    for obj in objects(previewBase="true", watchNamespaceSelector=f"!{names.PREVIEW_LABEL}"):
        if "preview" in obj["metadata"]["name"]:
            api_server.apply(obj)
    for name in (FOREIGN, HOME):
        api_server.send("POST", f"{API}/namespaces", {"metadata": {"name": name}})
    for name in (OWN, BARE):
        eventually(
            partial(act, api_server, "POST", f"{API}/namespaces", namespace(name, number=name[3:])),
            lambda answer: answer.code == HTTPStatus.CREATED,
            within=30,
        )
        created(act(api_server, "POST", f"{inside(name, AUTHORIZATION)}/rolebindings", binding(MANAGER_ROLE)))
    eventually(
        partial(act, api_server, "POST", f"{inside(OWN)}/resourcequotas", quota()),
        lambda answer: answer.code == HTTPStatus.CREATED,
        within=30,
    )
    # The account has its rights now, so a 403 below is the policy's; each is in effect a moment after its creation.
    for call in (*FORBIDDEN, *BEYOND):
        eventually(
            partial(act, api_server, call.method, f"{call.path}?dryRun=All", call.body),
            lambda answer: answer.code == HTTPStatus.FORBIDDEN,
            within=30,
        )
    return api_server


def act(api_server: ApiServer, method: str, path: str, body: Any = None) -> Answer:
    content = MERGE if method == "PATCH" else "application/json"
    return api_server.send(method, path, body, user=USER, groups=GROUPS, content=content)


def created(answer: Answer) -> None:
    assert answer.code == HTTPStatus.CREATED, answer.message


def test_forty_calls_are_tried() -> None:
    assert len({(call.method, call.path, str(call.body)) for call in FORBIDDEN}) == 40


@pytest.mark.parametrize("call", FORBIDDEN, ids=lambda call: call.tries.replace(" ", "-"))
def test_call_of_a_hostile_preview_is_forbidden(base: ApiServer, call: Any) -> None:
    answer = act(base, call.method, call.path, call.body)
    assert answer.code == HTTPStatus.FORBIDDEN, answer.message


def test_preview_with_a_quota_may_deploy_and_send(base: ApiServer) -> None:
    eventually(
        lambda: act(base, "POST", f"{inside(OWN, APPS)}/deployments?dryRun=All", workload()).code,
        lambda code: code == HTTPStatus.CREATED,
        within=30,
    )
    created(act(base, "POST", f"{inside(OWN, REQUESTS)}/{names.PLURAL}?dryRun=All", NOTIFICATION))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{inside(BARE, APPS)}/deployments", workload()),
        (f"{inside(BARE, REQUESTS)}/{names.PLURAL}", NOTIFICATION),
    ],
)
def test_preview_without_a_quota_may_neither_deploy_nor_send(base: ApiServer, path: str, body: Any) -> None:
    """A missing parameter is answered with 422, whatever the reason of the policy is."""
    answer = act(base, "POST", path, body)
    assert answer.code == HTTPStatus.UNPROCESSABLE_ENTITY, answer.message
    assert "no params found for policy binding with `Deny`" in answer.message


@pytest.mark.parametrize("call", BEYOND, ids=lambda call: call.tries.replace(" ", "-"))
def test_quota_beyond_the_limits_of_the_base_is_refused(base: ApiServer, call: Any) -> None:
    assert act(base, call.method, call.path, call.body).code == HTTPStatus.FORBIDDEN


def test_tenant_deploys_without_a_quota(base: ApiServer) -> None:
    """A policy whose parameter is missing denies before its condition, so its binding selects namespaces of previews."""
    created(base.send("POST", f"{inside(FOREIGN, APPS)}/deployments?dryRun=All", workload()))
    sent = base.send("POST", f"{inside(FOREIGN, REQUESTS)}/{names.PLURAL}?dryRun=All", NOTIFICATION)
    assert sent.code == HTTPStatus.CREATED, sent.message
