"""NotificationReceivers and Secrets as the scenarios need them. Pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Object: TypeAlias = dict[str, Any]

NETWORKS = ["127.0.0.0/8"]
AUTHORITY = "authority"
"""The Secret with the authority that signed the certificate of the far end."""
KEY = "0123456789abcdef" * 2
"""A routing key of PagerDuty has 32 characters."""
TEAMS = 20
"""Namespaces of the realistic mix, next to the operator's own."""


def secret(namespace: str, name: str, **values: str) -> Object:
    """Return a Secret; an underscore in a key stands for a hyphen."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "data": {
            key.replace("_", "-"): base64.b64encode(value.encode()).decode() for key, value in values.items()
        },
    }


def receiver(namespace: str, name: str, kind: str, block: Mapping[str, Any] | None, **spec: Any) -> Object:
    """Return a receiver; `block` is that of its type."""
    return {
        "apiVersion": "kubernaut.ai/v1alpha1",
        "kind": "NotificationReceiver",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"type": kind, **({kind: dict(block)} if block is not None else {}), **spec},
    }


def ref(namespace: str, name: str) -> dict[str, str]:
    """Return what a notification names a receiver by."""
    return {"name": name, "namespace": namespace}


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A type of receiver that leads to an account of the far end. Both are functions of the URL of the account."""

    kind: str
    block: Callable[[str, str], Object]
    """Of the URL and the name of the Secret."""
    values: Callable[[str], dict[str, str]]

    def objects(self, home: str, name: str, url: str, **spec: Any) -> tuple[Object, Object]:
        """Return the receiver and its Secret; the account has the name of the receiver."""
        account = f"{url}/{name}"
        block = {**self.block(account, f"{name}-secret"), "allowedNetworks": NETWORKS}
        common: Object = {"allowedNamespaces": {"from": "All"}, "tls": {"caSecretRef": {"name": AUTHORITY}}}
        return (
            secret(home, f"{name}-secret", **self.values(account)),
            receiver(home, name, self.kind, block, **common, **spec),
        )


SERVED = (
    Served(
        kind="webhook",
        block=lambda url, name: {"url": f"{url}/webhook", "headersSecretRef": {"name": name}},
        values=lambda _url: {"Authorization": "first"},
    ),
    Served(
        kind="slack",
        block=lambda url, name: {"botTokenSecretRef": {"name": name}, "channel": "C0123", "baseUrl": url},
        values=lambda _url: {"token": "xoxb-bench"},
    ),
    Served(
        kind="pagerduty",
        block=lambda url, name: {"routingKeySecretRef": {"name": name}, "baseUrl": url},
        values=lambda _url: {"routing_key": KEY},
    ),
    Served(
        kind="discord",
        block=lambda _url, name: {"urlSecretRef": {"name": name}},
        values=lambda url: {"url": f"{url}/discord/webhooks/778899/token"},
    ),
    Served(
        kind="mattermost",
        block=lambda _url, name: {"urlSecretRef": {"name": name}},
        values=lambda url: {"url": f"{url}/hooks/token"},
    ),
)
WEBHOOK = SERVED[0]


def _host(number: int, path: str) -> str:
    return f"https://team-{number}.example.com/{path}"


MIX: tuple[tuple[str, Callable[[int, str], Object], Callable[[int], dict[str, str]]], ...] = (
    (
        "slack",
        lambda number, name: {"botTokenSecretRef": {"name": name}, "channel": f"C{number:08}"},
        lambda number: {"token": f"xoxb-{number:032}"},
    ),
    (
        "webhook",
        lambda number, name: {
            "url": _host(number, "hooks/notifications"),
            "signingSecretRefs": [{"name": name}],
        },
        lambda number: {"signing_key": base64.b64encode(f"{number:032}".encode()).decode()},
    ),
    (
        "email",
        lambda number, name: {
            "host": "smtp.example.com",
            "from": "operator@example.com",
            "to": [f"team-{number}@example.com"],
            "authSecretRef": {"name": name},
        },
        lambda number: {"username": "operator", "password": f"{number:016}"},
    ),
    (
        "teams",
        lambda _number, name: {"urlSecretRef": {"name": name}},
        lambda number: {"url": _host(number, f"workflows/{number:032}/triggers/manual?sig={number:043}")},
    ),
    (
        "pagerduty",
        lambda _number, name: {"routingKeySecretRef": {"name": name}},
        lambda number: {"routing_key": f"{number:032}"},
    ),
    (
        "discord",
        lambda _number, name: {"urlSecretRef": {"name": name}},
        lambda number: {"url": _host(number, f"api/webhooks/{number}/{number:068}")},
    ),
    (
        "mattermost",
        lambda number, name: {"urlSecretRef": {"name": name}, "channel": f"team-{number}"},
        lambda number: {"url": _host(number, f"hooks/{number:026}")},
    ),
    (
        "sms",
        lambda number, name: {
            "accountSid": f"AC{number:032}",
            "authSecretRef": {"name": name},
            "from": "+15550199",
            "to": [f"+1555{number:07}"],
        },
        lambda number: {"username": "SK0123456789", "password": f"{number:032}"},
    ),
)
"""Type, block by number and name of the Secret, and the values of the Secret by number."""


def mix(home: str, count: int, *, own_secrets: bool) -> Iterator[Object]:
    """Yield a realistic mix of receivers, with the Secrets that they refer to.

    Args:
        home: the operator's own namespace.
        count: receivers.
        own_secrets: whether each receiver has a Secret of its own, and every other one is in the namespace of a team;
            otherwise all are in the operator's namespace, and those of a type share a Secret.
    """
    for number in range(count):
        kind, block, values = MIX[number % len(MIX)]
        at_home = not own_secrets or number // len(MIX) % 2 == 0
        namespace = home if at_home else team(home, number // len(MIX) // 2 % TEAMS)
        name = f"{kind}-{number if own_secrets else 0}"
        if own_secrets or number < len(MIX):
            yield secret(namespace, name, **values(number))
        yield receiver(namespace, f"r-{number}", kind, block(number, name), **_common(number, home=at_home))


def team(home: str, number: int) -> str:
    """Return the namespace of a team."""
    return f"{home}-team-{number}"


def _common(number: int, *, home: bool) -> Object:
    """Return fields that about every second receiver has."""
    sharing: tuple[Object, ...] = (
        {"allowedNamespaces": {"from": "All"}},
        {
            "allowedNamespaces": {
                "from": "Selector",
                "selector": {"matchLabels": {"tier": f"tier-{number % 8}"}},
            }
        },
    )
    limits: tuple[Object, ...] = (
        {},
        {"rateLimit": {"count": 60, "period": "1m"}},
        {"priorities": ["critical", "high"], "onReceiverError": "Hold"},
        {"template": {"inline": {"subject": "[{{ notification.priority }}] {{ notification.subject }}"}}},
    )
    described = {"description": f"Notifications of team {number} go here"}
    return {**(sharing[number % 2] if home else {}), **limits[number // 2 % len(limits)], **described}
