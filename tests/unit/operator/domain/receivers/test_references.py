"""References: the values of Secrets, or the first reason why there are not all."""

import pytest

from notification_contract.placeholders import HINT
from notification_domain.receivers.references import (
    ObjectKey,
    ObjectState,
    ReferenceReason,
    References,
    excess_of,
    object_keys,
    resolve_references,
    template_key,
)
from tests.unit.operator.domain.receivers.entries import receiver

TOKEN = "s3cret"
WITH_URL = receiver(block={"url": "", "urlSecretRef": {"name": "hook"}})


class Objects(dict[ObjectKey, ObjectState]):
    """The objects that are known; others were not looked for."""

    def get(self, key: ObjectKey) -> ObjectState:  # type: ignore[override]  # a lookup has no default
        return super().get(key) or ObjectState()


def secrets(namespace: str = "shop", **data: dict[str, str] | None) -> Objects:
    """Return Secrets by name; None for one that does not exist."""
    return Objects(
        {
            ObjectKey(namespace, name): ObjectState(data=values, version=f"v-{name}", known=True)
            for name, values in data.items()
        }
    )


def test_values_are_found_by_field_and_by_key() -> None:
    mail = receiver(kind="email", block={"authSecretRef": {"name": "login"}})
    references = resolve_references(
        mail, secrets(login={"username": "me", "password": TOKEN, "more": "x"}).get
    )
    assert references.resolved
    assert references.reason is ReferenceReason.FOUND
    assert references.values["email.authSecretRef/username"] == "me"
    assert references.values["email.authSecretRef/password"] == TOKEN
    assert (references.message, references.version) == ("Read Secret login", "login=v-login")


def test_named_keys_of_a_secret_are_a_group() -> None:
    hook = receiver(block={"headersSecretRef": {"name": "headers", "keys": ["X-Token"]}})
    references = resolve_references(hook, secrets(headers={"X-Token": TOKEN, "DB_PASSWORD": "p"}).get)
    assert references.of_block("webhook").keys_of("headersSecretRef") == {"X-Token": TOKEN}


def test_receiver_without_references_needs_no_secret() -> None:
    references = resolve_references(receiver(), secrets().get)
    assert (references.reason, references.version, references.resolved) == (ReferenceReason.NONE, "", True)
    assert references.message == "The receiver needs no Secret"


def test_version_changes_with_each_secret() -> None:
    signed = receiver(block={"signingSecretRefs": [{"name": "b"}, {"name": "a"}]})
    keys = {"signing-key": TOKEN}
    assert resolve_references(signed, secrets(a=keys, b=keys).get).version == "a=v-a,b=v-b"


@pytest.mark.parametrize(
    ("state", "reason", "message"),
    [
        (
            ObjectState(known=True, denied=True),
            ReferenceReason.NOT_ALLOWED,
            (
                "webhook.urlSecretRef: the operator may not read Secret hook in namespace shop; an administrator can set "
                "receiversReadAll in the stack for the operator's namespace, or receiversNamespaced for other namespaces"
            ),
        ),
        (ObjectState(), ReferenceReason.PENDING, "webhook.urlSecretRef: Secret hook is being read"),
        (
            ObjectState(error="timed out"),
            ReferenceReason.PENDING,
            "webhook.urlSecretRef: Secret hook is being read: timed out",
        ),
        (
            ObjectState(known=True),
            ReferenceReason.NOT_FOUND,
            (
                "webhook.urlSecretRef: Secret hook does not exist in namespace shop, or lacks the label "
                "kubernaut.ai/receivers=true; create it with the label, or run: "
                "kubectl -n shop label secret hook kubernaut.ai/receivers=true"
            ),
        ),
        (
            ObjectState(known=True, refused=True),
            ReferenceReason.TYPE_NOT_ALLOWED,
            (
                "webhook.urlSecretRef: Secret hook in namespace shop has a type that receivers may not use; create one "
                "of the types Opaque, kubernetes.io/basic-auth, kubernetes.io/tls, with the label "
                "kubernaut.ai/receivers=true"
            ),
        ),
        (
            ObjectState(known=True, data={"b": TOKEN, "a": TOKEN}),
            ReferenceReason.KEY_MISSING,
            "webhook.urlSecretRef: Secret hook has no value under the key url; add it, or name another key",
        ),
        (
            ObjectState(known=True, data={"url": ""}),
            ReferenceReason.KEY_MISSING,
            "webhook.urlSecretRef: Secret hook has no value under the key url; add it, or name another key",
        ),
        (
            ObjectState(known=True, data={"url": "https://example.com/hooks/REPLACE-ME"}),
            ReferenceReason.PLACEHOLDER,
            f"webhook.urlSecretRef: the value of Secret hook under the key url is not usable: {HINT}",
        ),
        (
            ObjectState(known=True, excess=True),
            ReferenceReason.NOT_ALLOWED,
            f"webhook.urlSecretRef: {excess_of('Secret', ObjectKey('shop', 'hook'))}",
        ),
        (
            ObjectState(known=True, data={}),
            ReferenceReason.KEY_MISSING,
            "webhook.urlSecretRef: Secret hook has no value under the key url; add it, or name another key",
        ),
    ],
)
def test_missing_value_is_explained(state: ObjectState, reason: ReferenceReason, message: str) -> None:
    references = resolve_references(WITH_URL, Objects({ObjectKey("shop", "hook"): state}).get)
    assert (references.reason, references.message, references.resolved) == (reason, message, False)
    assert (references.values, references.version) == ({}, "")


def test_placeholder_in_a_field_is_named_by_the_receiver() -> None:
    made = receiver(block={"url": "https://example.com/REPLACE-ME"})
    assert made.placeholder == "spec.webhook.url"
    references = resolve_references(made, secrets().get)
    assert references.reason is ReferenceReason.PLACEHOLDER
    assert references.message == f"spec.webhook.url: {HINT}"


def test_last_known_data_is_used_while_the_secret_cannot_be_read() -> None:
    state = ObjectState(data={"url": TOKEN}, known=True, denied=True, error="503")
    assert resolve_references(WITH_URL, Objects({ObjectKey("shop", "hook"): state}).get).resolved


def test_neither_state_nor_references_show_a_value() -> None:
    references = resolve_references(WITH_URL, secrets(hook={"url": TOKEN}).get)
    shown = repr(references) + repr(ObjectState(data={"url": TOKEN})) + references.message
    assert references.values["webhook.urlSecretRef"] == TOKEN
    assert TOKEN not in shown
    assert TOKEN not in repr(references.of_block("webhook"))
    assert TOKEN not in repr(References(reason=ReferenceReason.FOUND, values={"a/b": TOKEN}))


def test_secrets_of_a_receiver_are_those_of_its_own_namespace() -> None:
    hook = receiver(
        namespace="bank",
        block={"signingSecretRefs": [{"name": "keys"}, {"name": "keys", "key": "old"}]},
        tls={"caSecretRef": {"name": "ca"}},
    )
    assert object_keys(hook) == {ObjectKey("bank", "keys"), ObjectKey("bank", "ca")}
    assert str(ObjectKey("bank", "ca")) == "bank/ca"


def test_config_map_with_templates_is_that_of_the_own_namespace() -> None:
    assert template_key(receiver()) is None
    assert template_key(receiver(template={"inline": {"subject": "s"}})) is None
    referring = receiver(namespace="bank", template={"configMapRef": {"name": "texts"}})
    assert template_key(referring) == ObjectKey("bank", "texts")
