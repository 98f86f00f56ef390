"""Receivers in force, and catalogs of them."""

from __future__ import annotations

from typing import Any

from notification_contract.kinds.receiver import parse_spec
from notification_contract.kinds.target import listed_digits
from notification_domain.receivers.catalog import Catalog, Receiver, ReceiverKey
from notification_domain.receivers.targets import Resolver
from tests.unit.operator.contract.kinds.specs import spec

HOME = "platform"
CHANNELS = frozenset({"console", "log"})
"""The channels of the settings."""


def receiver(
    name: str = "on-call",
    kind: str = "webhook",
    *,
    namespace: str = "shop",
    generation: int = 1,
    default: bool = False,
    block: dict[str, Any] | None = None,
    **fields: Any,
) -> Receiver:
    """Return a receiver; `block` changes fields of the block of its type, `fields` those of its spec."""
    return Receiver(
        key=ReceiverKey(namespace, name),
        uid=f"uid-{namespace}-{name}",
        generation=generation,
        spec=parse_spec(spec(kind, **(block or {})) | fields),
        is_default=default,
    )


def listed(kind: str, name: str, address: str) -> str:
    """Return the target of a recipient whom a receiver of the namespace `shop` lists."""
    return f"{kind}/{name}#{listed_digits(address, f'uid-shop-{name}')}"


def catalog(*receivers: Receiver, labels: dict[str, dict[str, str]] | None = None) -> Catalog:
    return Catalog(home=HOME, receivers={each.key: each for each in receivers}, labels=labels or {})


def resolver(*receivers: Receiver, labels: dict[str, dict[str, str]] | None = None) -> Resolver:
    return Resolver(catalog=catalog(*receivers, labels=labels), configured=CHANNELS)
