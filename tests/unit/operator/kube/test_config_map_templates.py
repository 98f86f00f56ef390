"""The templates of notifications, read from a server: permission, missing objects, and how often it is asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from notification_domain.template_ref import TemplateRef, TemplateUnavailableError
from notification_runtime.kube import config_map_templates
from notification_runtime.kube.config_map_templates import MAX_CHARACTERS, ConfigMapTemplates
from tests.unit.operator.collections_api import CollectionsApi, running, watching_client
from tests.unit.operator.domain.receivers.builders import HOME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kubernetes.aio.client import ApiClient

PATH = "/api/v1/namespaces/shop/configmaps"
REF = TemplateRef(config_map="texts", key="incident")


@pytest.fixture
async def api() -> AsyncIterator[CollectionsApi]:
    async with running() as server:
        yield server


@pytest.fixture
async def client(api: CollectionsApi) -> AsyncIterator[ApiClient]:
    async with watching_client(api) as watching:
        yield watching


def templates(client: ApiClient, *, namespaced: bool = True) -> ConfigMapTemplates:
    return ConfigMapTemplates(client, home=HOME, namespaced=namespaced)


async def test_template_is_the_value_of_the_key(api: CollectionsApi, client: ApiClient) -> None:
    api.put("configmaps", "shop", "texts", data={"incident": "text", "other": "o"})
    assert await templates(client).source("shop", REF) == "text"
    (request,) = api.requests
    assert request[:2] == ("GET", PATH)
    assert request[2]["fieldSelector"] == "metadata.name=texts"


async def test_burst_reads_a_template_once_and_a_change_takes_effect(
    api: CollectionsApi, client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.put("configmaps", "shop", "texts", data={"incident": "first"})
    source = templates(client)
    assert [await source.source("shop", REF) for _ in range(3)] == ["first"] * 3
    assert len(api.requests) == 1
    api.put("configmaps", "shop", "texts", data={"incident": "second"})
    monkeypatch.setattr(config_map_templates, "FRESH_SECONDS", 0.0)
    assert await source.source("shop", REF) == "second"


async def test_number_of_remembered_templates_is_bounded(
    api: CollectionsApi, client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_map_templates, "KEPT", 1)
    other = TemplateRef(config_map="texts", key="other")
    api.put("configmaps", "shop", "texts", data={"incident": "text", "other": "o"})
    source = templates(client)
    for ref in (REF, other, REF):
        await source.source("shop", ref)
    assert len(api.requests) == 3


@pytest.mark.parametrize(
    ("present", "problem"),
    [
        (None, "there is no such ConfigMap in namespace shop; create it"),
        ({"a": "", "b": ""}, "there is no such key"),
        ({"incident": "x" * (MAX_CHARACTERS + 1)}, "it has more than 65536 characters"),
    ],
)
async def test_missing_template_is_named(
    api: CollectionsApi, client: ApiClient, present: dict[str, str] | None, problem: str
) -> None:
    if present is not None:
        api.put("configmaps", "shop", "texts", data=present)
    with pytest.raises(TemplateUnavailableError, match=problem):
        await templates(client).source("shop", REF)


async def test_other_namespaces_are_not_read_without_the_setting(
    api: CollectionsApi, client: ApiClient
) -> None:
    api.put("configmaps", HOME, "texts", data={"incident": "home"})
    source = templates(client, namespaced=False)
    assert await source.source(HOME, REF) == "home"
    with pytest.raises(TemplateUnavailableError, match="set receiversNamespaced in the stack"):
        await source.source("shop", REF)
    assert len(api.requests) == 1


async def test_refusal_of_the_api_server_is_named(api: CollectionsApi, client: ApiClient) -> None:
    api.refusals[PATH] = 403
    with pytest.raises(TemplateUnavailableError, match=r"it cannot be read: .*403"):
        await templates(client).source("shop", REF)


@pytest.mark.parametrize("text", ["text", "x" * (MAX_CHARACTERS + 1), None])
async def test_concurrent_messages_read_their_template_once_whatever_the_outcome(
    api: CollectionsApi, client: ApiClient, text: str | None
) -> None:
    api.put("configmaps", "shop", "texts", data={"other": "o"} if text is None else {"incident": text})
    source = templates(client)
    for _ in range(2):
        outcomes = await asyncio.gather(
            *(source.source("shop", REF) for _ in range(64)), return_exceptions=True
        )
        assert {type(each) for each in outcomes} == {str if text == "text" else TemplateUnavailableError}
    assert len(api.requests) == 1


async def test_few_templates_are_read_at_a_time_and_one_of_each_namespace(
    client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    active: list[str] = []
    most = most_of_one = 0

    async def read(_client: ApiClient, path: str, **_: Any) -> tuple[dict[str, Any], int]:
        nonlocal most, most_of_one
        active.append(path)
        most, most_of_one = max(most, len(active)), max(most_of_one, active.count(path))
        await asyncio.sleep(0)
        active.remove(path)
        return {"items": [{"data": {"incident": "text"}}]}, 0

    monkeypatch.setattr(config_map_templates, "read", read)
    source = templates(client)
    refs = [TemplateRef(config_map=f"texts-{number}", key="incident") for number in range(64)]
    await asyncio.gather(*(source.source(f"ns-{at % 8}", ref) for at, ref in enumerate(refs)))
    assert (most, most_of_one) == (config_map_templates.READS, 1)
