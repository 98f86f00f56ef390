"""What a tenant with one role tries: each attempt is refused with a reason, by real calls (DD-RBAC-001, DD-SECRET-001, DD-TARGET-001).

The refusals are those of the API server, by permissions, schema, admission policies and quota, and those of a real operator.
"""

from __future__ import annotations

import base64
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.crds import notification_source
from notification_contract.kinds.secrets import SECRET_TYPES
from tests.api_server.conftest import objects
from tests.api_server.tenant_attempts import (
    ATTEMPTS,
    CODES,
    Aim,
    Attempt,
    By,
    Call,
    Notification,
    Receiver,
    Who,
    get,
    link,
    named,
    notifications,
    receivers,
    secrets,
    sends_secret,
    sources,
)
from tests.api_server.tenant_place import tenant_place
from tests.harness.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api_server.conftest import ApiServer
    from tests.api_server.tenant_place import Place, Response

pytestmark = pytest.mark.xdist_group("api-server")
TYPES = {
    "Opaque": "password",
    "kubernetes.io/basic-auth": "password",
    "kubernetes.io/tls": "tls.key",
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/ssh-auth": "ssh-privatekey",
    "kubernetes.io/service-account-token": "token",
    "bootstrap.kubernetes.io/token": "token-secret",
    "helm.sh/release.v1": "release",
}
"""Types of Secrets, with a key that they have."""
MORE_KEYS = {"kubernetes.io/tls": ("tls.crt",)}
LABELS = (None, "", "True", "true")
OF_AN_ACCOUNT = {"kubernetes.io/service-account.name": f"with-{Who.SENDER}"}
"""Required of a token, and without effect on other types."""


@pytest.fixture(scope="module")
def place(api_server: ApiServer) -> Iterator[Place]:
    api_server.cluster.apply(notification_source())
    for obj in objects(gatewayEnabled="true"):
        if obj["metadata"]["name"] == Who.SOURCES:
            api_server.apply(obj)
    with tenant_place(api_server) as made:
        probe = made.notification({"actionLinks": [link("ftp://x")]})
        eventually(lambda: api_server.create(probe).code, lambda code: code == 422, within=30)
        # The API server takes a moment to see new bindings.
        for who, path in (
            (Who.SENDER, notifications("{full}")),
            (Who.EDIT, "/api/v1/namespaces/{own}/configmaps"),
            (Who.RECEIVERS, receivers("{own}")),
            (Who.SOURCES, sources("{own}")),
        ):
            eventually(lambda who=who, path=path: made.send(who, get(path)).code, lambda code: code == 200)  # type: ignore[misc]
        yield made


def name_of(attempt: Attempt) -> str:
    return f"{attempt.who}-{attempt.tries.replace(' ', '-')}"


def answer(place: Place, attempt: Attempt) -> tuple[Response, dict[str, Any]]:
    """Try it; return the last answer of the API server, and the object that was created."""
    unique = uuid.uuid4().hex[:8]
    match attempt.does:
        case Call() as call:
            return place.send(attempt.who, call), {}
        case Notification(spec=spec, namespace=namespace, labels=labels):
            obj = place.notification(spec, namespace=namespace, labels=labels)
            return place.create(attempt.who, obj), obj
        case Receiver(spec=spec, namespace=namespace, count=count):
            for number in range(count):
                # The one created last is the last one by its name, too: times are in whole seconds.
                obj = place.receiver(spec, namespace=namespace, name=f"{attempt.aim}-{number:03}-{unique}")
                response = place.create(attempt.who, obj)
            return response, obj


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=name_of)
def test_attempt_of_a_tenant_is_refused_with_a_reason(place: Place, attempt: Attempt) -> None:
    response, obj = answer(place, attempt)
    if attempt.by is not By.OPERATOR:
        assert (response.code, place.filled(attempt.reads) in response.message) == (
            CODES[attempt.by],
            True,
        ), response
        return
    assert response.code == 201, response
    if isinstance(attempt.does, Receiver):
        kind, reason = attempt.does.condition.split()
        condition = place.condition(obj, kind)
        assert (condition["status"], condition["reason"]) == ("False", reason), condition
        read = condition["message"]
    else:
        status = place.final(obj)
        assert status["phase"] == "Failed"
        (entry,) = status["deliveryAttempts"]
        read = entry["error"]
    assert place.filled(attempt.reads) in read


def test_each_role_tries_everything() -> None:
    counts = {Who.SENDER: 20, Who.EDIT: 20, Who.RECEIVERS: 20, Who.SOURCES: 7}
    assert len({(each.who, each.tries) for each in ATTEMPTS}) == sum(counts.values())
    assert Counter(each.who for each in ATTEMPTS) == counts
    assert {(each.who, each.aim) for each in ATTEMPTS} == {(who, aim) for who in Who for aim in Aim}


def test_what_a_role_is_for_succeeds(place: Place) -> None:
    for who in (Who.SENDER, Who.EDIT):
        obj = place.notification({"channels": ["console"]})
        assert place.create(who, obj).code == 201
        assert place.final(obj)["phase"] == "Sent"
    obj = place.receiver(sends_secret("granted", "X-Token"))
    assert place.create(Who.RECEIVERS, obj).code == 201
    assert place.condition(obj, "ResolvedRefs")["reason"] == "SecretFound"


@pytest.fixture(scope="module")
def offered(place: Place) -> dict[str, str]:
    """A receiver for each Secret of `secrets_by_namespace_type_and_label`, and by its name the reason that it has to have."""
    reasons: dict[str, str] = {}
    for where, kind, label, name in secrets_by_namespace_type_and_label():
        keys = (TYPES[kind], *MORE_KEYS.get(kind, ()))
        place.secret(name, *keys, namespace=where, kind=kind, label=label, annotations=OF_AN_ACCOUNT)
        created = place.create(Who.RECEIVERS, place.receiver(sends_secret(name, keys[0]), name=name))
        assert created.code == 201
        granted = where == "{own}" and label == "true"
        reason = "SecretFound" if kind in SECRET_TYPES else "SecretTypeNotAllowed"
        reasons[name] = reason if granted else "SecretNotFound"
    return reasons


def test_receivers_use_only_what_the_owner_of_a_secret_granted(place: Place, offered: dict[str, str]) -> None:
    reasons = {
        name: place.condition(place.receiver({}, name=name), "ResolvedRefs")["reason"] for name in offered
    }
    assert reasons == offered
    assert Counter(reasons.values())["SecretFound"] == len(SECRET_TYPES)


@pytest.mark.usefixtures("offered")
def test_roles_reach_a_secret_through_a_receiver_alone(place: Place) -> None:
    for where, kind, _, name in secrets_by_namespace_type_and_label():
        for who in Who:
            # Kubernetes itself lets `edit` read the Secrets of its namespace.
            if (who, where) != (Who.EDIT, "{own}"):
                assert place.send(who, get(f"{secrets(where)}/{name}")).code == 403
            if who is not Who.RECEIVERS:
                other = place.receiver(sends_secret(name, TYPES[kind]), name=name)
                assert place.create(who, other).code == 403


def secrets_by_namespace_type_and_label() -> Iterator[tuple[str, str, str | None, str]]:
    """Yield where a Secret is, its type, its label and a name; in other namespaces only what would be usable there."""
    for where in ("{own}", "{other}", "{home}"):
        for number, kind in enumerate(TYPES):
            for position, label in enumerate(LABELS):
                if where == "{own}" or label == "true":
                    yield where, kind, label, f"{where[1:-1]}-{number}-{position}"


@pytest.mark.usefixtures("offered")
def test_value_of_a_secret_reaches_its_receiver_and_is_shown_nowhere(place: Place) -> None:
    place.sink.answers[:] = [500]
    for phase in ("Failed", "Sent"):
        obj = place.notification(named("shared", "{home}"))
        assert place.create(Who.SENDER, obj).code == 201
        assert place.final(obj)["phase"] == phase
    shared = place.values_of["{home}/shared"]
    assert [value in got for got in place.sink.received for value in shared] == [True, True]

    shown = place.everything_shown()

    assert "[REDACTED]" in shown
    values = [value for each in place.values_of.values() for value in each]
    assert len(values) > 50
    encoded = [base64.b64encode(value.encode()).decode() for value in values]
    assert [value for value in (*values, *encoded) if value in shown] == []
