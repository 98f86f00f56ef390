"""The Secrets and ConfigMaps of receivers on a real server: each followed by name, rotations, deletions, refusals."""

from __future__ import annotations

import asyncio
import contextlib
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from notification_contract.kinds.receiver import parse_spec
from notification_contract.names import SECRET_LABEL
from notification_domain.receivers.catalog import Catalog, Receiver, ReceiverKey
from notification_domain.receivers.references import ObjectKey, ReferenceReason, resolve_references
from notification_operator.watch import references as module
from notification_operator.watch.references import (
    CONFIG_MAPS,
    MISSING,
    SECRETS,
    UNKNOWN,
    ObjectKind,
    ReceiverReferences,
    ReferencedObjects,
    Taken,
)
from notification_runtime.kube.collection_watch import KubeWatches
from tests.unit.operator.domain.receivers.builders import HOME, SLACK
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from kubernetes.aio.client import ApiClient

    from tests.unit.operator.collections_api import CollectionsApi

HOOK, MAIL = ObjectKey(HOME, "hook"), ObjectKey(HOME, "mail")
VISIBLE_WITHIN = 1.0
"""Seconds."""


def objects(client: ApiClient, kind: ObjectKind = SECRETS, *, namespaced: bool = False) -> ReferencedObjects:
    return ReferencedObjects(KubeWatches(client, hint=""), kind, home=HOME, namespaced=namespaced)


@contextlib.asynccontextmanager
async def at_work(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def put(api: CollectionsApi, key: ObjectKey, **values: str) -> None:
    put_raw(api, key, {name: b64encode(value.encode()).decode() for name, value in values.items()})


def put_raw(api: CollectionsApi, key: ObjectKey, data: object, **fields: Any) -> None:
    """Store a Secret that receivers may use."""
    api.put("secrets", *key, data=data, meta={"labels": {SECRET_LABEL: "true"}}, **fields)


async def test_followed_secret_is_decoded_and_others_are_not_requested(
    api: CollectionsApi, client: ApiClient
) -> None:
    put(api, HOOK, url="https://example.com/ü")
    put(api, MAIL, password="p")
    secrets, changed = objects(client), list[ObjectKey]()
    async with at_work(secrets.run(changed.append)):
        assert secrets.get(HOOK) == UNKNOWN
        secrets.follow(frozenset({HOOK}))
        await until(lambda: secrets.get(HOOK).known)
        state = secrets.get(HOOK)
        assert state.data == {"url": "https://example.com/ü"}
        assert state.version == api.objects["secrets", *HOOK]["metadata"]["resourceVersion"]
        assert (state.denied, state.error, changed) == (False, "", [HOOK])
        assert secrets.get(MAIL) == UNKNOWN
    assert {query["fieldSelector"] for _, _, query in api.requests} == {"metadata.name=hook"}
    assert {path for _, path, _ in api.requests} == {"/api/v1/namespaces/platform/secrets"}


async def test_rotation_is_visible_within_a_second_of_its_event(
    api: CollectionsApi, client: ApiClient
) -> None:
    put(api, HOOK, url="old")
    secrets, changed = objects(client), list[ObjectKey]()
    async with at_work(secrets.run(changed.append)):
        secrets.follow(frozenset({HOOK}))
        for rotated in ("new", "newer"):
            await until(lambda: api.watched)
            put(api, HOOK, url=rotated)
            async with asyncio.timeout(VISIBLE_WITHIN):
                await until(lambda rotated=rotated: secrets.get(HOOK).data == {"url": rotated})  # type: ignore[misc]
            # The second rotation happens right after the API server has ended the watch.
            api.cut()
        assert changed == [HOOK] * 3
        assert api.listings() == 1


async def test_deleted_secret_is_missing_until_it_returns(api: CollectionsApi, client: ApiClient) -> None:
    put(api, HOOK, url="u")
    secrets, changed = objects(client), list[ObjectKey]()
    async with at_work(secrets.run(changed.append)):
        secrets.follow(frozenset({HOOK}))
        await until(lambda: api.watched)
        api.remove("secrets", *HOOK)
        await until(lambda: secrets.get(HOOK) == MISSING)
        put(api, HOOK, url="v")
        await until(lambda: secrets.get(HOOK).data == {"url": "v"})
        assert changed == [HOOK] * 3


async def test_secret_that_does_not_exist_is_known_to_be_missing(
    api: CollectionsApi, client: ApiClient
) -> None:
    secrets, changed = objects(client), list[ObjectKey]()
    async with at_work(secrets.run(changed.append)):
        secrets.follow(frozenset({HOOK}))
        await until(lambda: api.watched)
        assert (secrets.get(HOOK), changed) == (MISSING, [HOOK])


@pytest.mark.parametrize("labels", [{}, {SECRET_LABEL: ""}, {SECRET_LABEL: "True"}, {"other": "true"}])
async def test_secret_never_arrives_until_its_owner_labels_it(
    api: CollectionsApi, client: ApiClient, labels: dict[str, str]
) -> None:
    api.put("secrets", *HOOK, data={"url": b64encode(b"u").decode()}, meta={"labels": labels})
    secrets = objects(client)
    async with at_work(secrets.run(lambda _key: None)):
        secrets.follow(frozenset({HOOK}))
        await until(lambda: api.watched)
        assert secrets.get(HOOK) == MISSING
        put(api, HOOK, url="u")
        await until(lambda: secrets.get(HOOK).data == {"url": "u"})
        api.put("secrets", *HOOK, meta={"labels": labels})
        await until(lambda: secrets.get(HOOK) == MISSING)
    assert {query["labelSelector"] for _, _, query in api.requests} == {"kubernaut.ai/receivers=true"}


@pytest.mark.parametrize(
    ("kind", "usable"),
    [
        ("Opaque", True),
        ("kubernetes.io/basic-auth", True),
        ("kubernetes.io/tls", True),
        ("kubernetes.io/service-account-token", False),
        ("kubernetes.io/dockerconfigjson", False),
        ("kubernetes.io/dockercfg", False),
        ("kubernetes.io/ssh-auth", False),
        ("bootstrap.kubernetes.io/token", False),
        ("helm.sh/release.v1", False),
        ("opaque", False),
        ("", False),
        (["Opaque"], False),
    ],
)
async def test_values_of_a_secret_are_kept_only_for_some_types(
    api: CollectionsApi, client: ApiClient, kind: object, *, usable: bool
) -> None:
    put_raw(api, HOOK, {"url": b64encode(b"confidential").decode()}, type=kind)
    secrets = objects(client)
    async with at_work(secrets.run(lambda _key: None)):
        secrets.follow(frozenset({HOOK}))
        await until(lambda: secrets.get(HOOK).known)
        state = secrets.get(HOOK)
    assert (state.data is not None, state.refused) == (usable, not usable)
    reference = resolve_references(receiver_of("hook"), lambda _key: state)
    expected = ReferenceReason.FOUND if usable else ReferenceReason.TYPE_NOT_ALLOWED
    assert (reference.reason, bool(reference.values)) == (expected, usable)
    assert "confidential" not in f"{secrets.__dict__} {reference.message}"


async def test_watches_start_and_end_as_references_change(api: CollectionsApi, client: ApiClient) -> None:
    put(api, HOOK, url="u")
    secrets = objects(client)
    async with at_work(secrets.run(lambda _key: None)):
        for wanted in ({HOOK, MAIL}, {MAIL}, set[ObjectKey](), {HOOK}):
            secrets.follow(frozenset(wanted))
            await until(lambda wanted=wanted: api.watched == paths(wanted), str(wanted))  # type: ignore[misc]
            assert (secrets.get(HOOK) == UNKNOWN) == (HOOK not in wanted)
        assert api.listings() == 3
    await until(lambda: api.watched == [])


def paths(wanted: set[ObjectKey]) -> list[str]:
    return sorted(f"{namespace}/secrets/{name}" for namespace, name in wanted)


async def test_references_that_come_before_the_work_are_followed(
    api: CollectionsApi, client: ApiClient
) -> None:
    secrets = objects(client)
    secrets.follow(frozenset({HOOK}))
    async with at_work(secrets.run(lambda _key: None)):
        await until(lambda: api.watched == ["platform/secrets/hook"])


async def test_other_namespaces_are_read_only_if_the_stack_says_so(
    api: CollectionsApi, client: ApiClient
) -> None:
    theirs = ObjectKey("shop", "hook")
    put(api, theirs, url="u")
    for namespaced in (False, True):
        secrets = objects(client, namespaced=namespaced)
        async with at_work(secrets.run(lambda _key: None)):
            secrets.follow(frozenset({theirs}))
            await until(lambda secrets=secrets: secrets.get(theirs).known)  # type: ignore[misc]
            state = secrets.get(theirs)
            assert (state.data is None, state.denied) == (not namespaced, not namespaced)
            assert ("set receiversNamespaced" in state.error) == (not namespaced)
            assert bool(api.requests) == namespaced


async def test_refused_secret_says_so_and_is_read_once_it_may_be(
    api: CollectionsApi, client: ApiClient
) -> None:
    put(api, HOOK, url="u")
    api.refusals["/api/v1/namespaces/platform/secrets"] = 403
    secrets, changed = objects(client), list[ObjectKey]()
    async with at_work(secrets.run(changed.append)):
        secrets.follow(frozenset({HOOK}))
        await until(lambda: secrets.get(HOOK).denied)
        assert (secrets.get(HOOK).data, secrets.get(HOOK).error) == (None, "403 refused")
        await asyncio.sleep(0.1)
        api.refusals.clear()
        await until(lambda: secrets.get(HOOK).data == {"url": "u"})
        assert not secrets.get(HOOK).denied
        assert changed == [HOOK, HOOK]


@pytest.mark.parametrize("code", [403, 500])
async def test_known_secret_stays_in_use_while_it_cannot_be_read(
    api: CollectionsApi, client: ApiClient, code: int
) -> None:
    put(api, HOOK, url="u")
    secrets, changed = objects(client), list[ObjectKey]()
    async with at_work(secrets.run(changed.append)):
        secrets.follow(frozenset({HOOK}))
        await until(lambda: api.watched)
        api.refusals["/api/v1/namespaces/platform/secrets"] = code
        api.send_error(500)
        await until(lambda: secrets.get(HOOK).error == f"{code} refused")
        state = secrets.get(HOOK)
        assert (state.data, state.known, state.denied) == ({"url": "u"}, True, code == 403)
        api.refusals.clear()
        await until(lambda: not secrets.get(HOOK).error)
        assert changed == [HOOK] * (3 if code == 403 else 1)


async def test_secret_is_unknown_while_the_api_server_does_not_answer(
    api: CollectionsApi, client: ApiClient
) -> None:
    api.refusals["/api/v1/namespaces/platform/secrets"] = 500
    secrets, changed = objects(client), list[ObjectKey]()
    async with at_work(secrets.run(changed.append)):
        secrets.follow(frozenset({HOOK}))
        await until(lambda: secrets.get(HOOK).error)
        assert (secrets.get(HOOK).known, secrets.get(HOOK).data, changed) == (False, None, [])


async def test_values_are_in_no_log_and_no_representation(api: CollectionsApi, client: ApiClient) -> None:
    put_raw(api, HOOK, {"url": "%%%", "binary": b64encode(b"\xff\xfeconfidential").decode()})
    secrets = objects(client)
    with capture_logs() as logs:
        async with at_work(secrets.run(lambda _key: 1 / 0)):  # type: ignore[arg-type]
            secrets.follow(frozenset({HOOK}))
            await until(lambda: secrets.get(HOOK).known)
            put(api, HOOK, url="confidential")
            await until(lambda: secrets.get(HOOK).data == {"url": "confidential"})
            put_raw(api, HOOK, "confidential")
            await until(lambda: secrets.get(HOOK).data == {})
            put(api, HOOK, url="confidential")
            await until(lambda: secrets.get(HOOK).data)
            shown = f"{secrets.get(HOOK)!r} {secrets!r} {secrets.__dict__}"
    assert "confidential" not in shown
    assert "confidential" not in repr(logs)
    assert any(line["event"] == "change not handled" for line in logs)


async def test_value_that_is_no_text_is_left_out(api: CollectionsApi, client: ApiClient) -> None:
    data = {"url": b64encode(b"u").decode(), "image": b64encode(b"\xff\xfe").decode(), "odd": "a", "no": None}
    put_raw(api, HOOK, data)
    secrets = objects(client)
    async with at_work(secrets.run(lambda _key: None)):
        secrets.follow(frozenset({HOOK}))
        await until(lambda: secrets.get(HOOK).known)
        assert secrets.get(HOOK).data == {"url": "u", "no": ""}


async def test_config_map_is_followed_with_its_values_as_they_are(
    api: CollectionsApi, client: ApiClient
) -> None:
    api.put("configmaps", *HOOK, data={"body": "{{ body }}"})
    config_maps = objects(client, CONFIG_MAPS)
    async with at_work(config_maps.run(lambda _key: None)):
        config_maps.follow(frozenset({HOOK}))
        await until(lambda: config_maps.get(HOOK).data == {"body": "{{ body }}"})
    assert {path for _, path, _ in api.requests} == {"/api/v1/namespaces/platform/configmaps"}


@pytest.mark.parametrize(("bound", "most"), [("MOST_BYTES", 40_000), ("MOST_OBJECTS", 7)])
async def test_namespace_keeps_no_more_of_its_objects_than_it_leaves_free(
    api: CollectionsApi, client: ApiClient, monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    monkeypatch.setattr(module, bound, most)
    monkeypatch.setattr(module, "EXCESS_SECONDS", 0.05)
    theirs = [ObjectKey("bank", f"s{number}") for number in range(5)]
    mine = ObjectKey("shop", "hook")
    for key in (*theirs, mine, HOOK):
        put(api, key, url="u" * 5_000)
    secrets, changed = objects(client, namespaced=True), list[ObjectKey]()

    def kept() -> int:
        return sum(secrets.get(key).data is not None for key in theirs)

    async with at_work(secrets.run(changed.append)):
        secrets.follow(frozenset(theirs))
        await until(lambda: all(secrets.get(key).known for key in theirs))
        assert kept() == 3
        await until(lambda: len(api.watched) == 3, "what is too much takes no connection")
        assert all(secrets.get(key).data or secrets.get(key).excess for key in theirs)
        secrets.follow(frozenset({*theirs, mine, HOOK}))
        await until(lambda: bool(secrets.get(mine).data and secrets.get(HOOK).data))
        used = next(key for key in theirs if secrets.get(key).data)
        put(api, used, url="v" * 5_000)
        await until(lambda: secrets.get(used).data == {"url": "v" * 5_000}, "a rotation does not end its use")
        secrets.follow(frozenset(theirs[2:]))
        await until(
            lambda: all(secrets.get(key).data for key in theirs[2:]), "what was too much is read again"
        )
    assert set(changed) == {*theirs, mine, HOOK}


async def test_object_that_grows_too_large_is_not_kept(
    api: CollectionsApi, client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 10_000)
    monkeypatch.setattr(module, "EXCESS_SECONDS", 0.05)
    theirs = ObjectKey("bank", "hook")
    put(api, theirs, url="u")
    secrets = objects(client, namespaced=True)
    async with at_work(secrets.run(lambda _key: None)):
        secrets.follow(frozenset({theirs}))
        await until(lambda: api.watched)
        put(api, theirs, url="u" * 6_000)
        await until(lambda: secrets.get(theirs).excess)
        assert secrets.get(theirs).data is None
        put(api, theirs, url="v")
        await until(lambda: secrets.get(theirs).data == {"url": "v"})


async def test_kinds_are_counted_together(client: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OBJECTS", 7)
    theirs, mine = [ObjectKey("bank", f"s{number}") for number in range(5)], ObjectKey("shop", "hook")
    watches, taken = KubeWatches(client, hint=""), Taken()
    secrets, config_maps = (
        ReferencedObjects(watches, kind, home=HOME, namespaced=True, taken=taken)
        for kind in (SECRETS, CONFIG_MAPS)
    )
    async with at_work(secrets.run(lambda _key: None)), at_work(config_maps.run(lambda _key: None)):
        secrets.follow(frozenset(theirs))
        await until(lambda: sum(secrets.get(key).excess for key in theirs) == 2)
        config_maps.follow(frozenset({theirs[0], mine}))
        await until(lambda: config_maps.get(theirs[0]).excess and config_maps.get(mine).known)
        assert not config_maps.get(mine).excess
        secrets.follow(frozenset())
        await until(lambda: not any(secrets.get(key).known for key in theirs))
        config_maps.follow(frozenset(theirs))
        await until(lambda: sum(config_maps.get(key).excess for key in theirs) == 2)


def receiver_of(secret: str, name: str = "a") -> Receiver:
    return Receiver(key=ReceiverKey(HOME, name), uid=name, generation=1, spec=parse_spec(spec(secret)))


class Receivers:
    """A catalog whose snapshot the test replaces."""

    def __init__(self) -> None:
        self.catalog = Catalog(home=HOME)

    def set(self, **secrets: str) -> frozenset[ReceiverKey]:
        """Put receivers with these Secrets in force; return all that may have changed."""
        receivers = {ReceiverKey(HOME, name): receiver_of(secret, name) for name, secret in secrets.items()}
        changed = frozenset({*self.catalog.receivers, *receivers})
        self.catalog = Catalog(home=HOME, receivers=receivers)
        return changed


def spec(secret: str) -> dict[str, Any]:
    template = {"template": {"configMapRef": {"name": "texts"}}} if secret == "templated" else {}
    return {**SLACK, "slack": {"webhookUrlSecretRef": {"name": secret}}, **template}


async def test_change_of_an_object_concerns_all_receivers_that_use_it(
    api: CollectionsApi, client: ApiClient
) -> None:
    receivers, changed = Receivers(), list[frozenset[ReceiverKey]]()
    secrets, config_maps = objects(client), objects(client, CONFIG_MAPS)
    references = ReceiverReferences(secrets=secrets, config_maps=config_maps)
    async with at_work(references.run(changed.append)):
        references.update(receivers.set(a="hook", b="hook", c="templated"), receivers.catalog)
        await until(lambda: len(api.watched) == 3)
        assert api.watched == [
            "platform/configmaps/texts",
            "platform/secrets/hook",
            "platform/secrets/templated",
        ]
        changed.clear()
        put(api, HOOK, url="u")
        api.put("configmaps", HOME, "texts", data={})
        await until(lambda: len(changed) == 2)
        assert set(changed) == {
            frozenset({ReceiverKey(HOME, "a"), ReceiverKey(HOME, "b")}),
            frozenset({ReceiverKey(HOME, "c")}),
        }
        receiver = receivers.catalog.receivers[ReceiverKey(HOME, "a")]
        assert resolve_references(receiver, secrets.get).reason is ReferenceReason.FOUND


async def test_objects_are_followed_as_long_as_a_receiver_uses_them(
    api: CollectionsApi, client: ApiClient
) -> None:
    receivers, changed = Receivers(), list[frozenset[ReceiverKey]]()
    secrets = objects(client)
    references = ReceiverReferences(secrets=secrets, config_maps=objects(client, CONFIG_MAPS))
    async with at_work(references.run(changed.append)):
        for used, watched in (
            ({"a": "hook", "b": "hook"}, ["platform/secrets/hook"]),
            ({"b": "hook"}, ["platform/secrets/hook"]),
            ({"b": "mail"}, ["platform/secrets/mail"]),
            ({}, []),
        ):
            references.update(receivers.set(**used), receivers.catalog)
            await until(lambda watched=watched: api.watched == watched, str(watched))  # type: ignore[misc]
        assert api.listings() == 2


async def test_change_whose_handler_fails_is_handled_again(
    api: CollectionsApi, client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.05)
    followed, handled, faults = objects(client), list[ObjectKey](), 2

    def handle(key: ObjectKey) -> None:
        nonlocal faults
        if faults:
            faults -= 1
            raise ZeroDivisionError
        handled.append(key)

    put(api, HOOK, url="a")
    followed.follow(frozenset({HOOK}))
    async with at_work(followed.run(handle)):
        await until(lambda: handled)
    assert handled == [HOOK]
