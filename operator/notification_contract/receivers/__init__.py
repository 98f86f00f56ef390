"""NotificationReceiver: where notifications can go, as a typed spec, and the keys of their targets. Pure."""

from __future__ import annotations

from notification_contract.receivers.blocks import SecretUse
from notification_contract.receivers.spec import (
    AllowedNamespaces,
    Fallback,
    NamespacesFrom,
    OnReceiverError,
    Overflow,
    RateLimit,
    ReceiverSpec,
    ReceiverSpecError,
    ReceiverType,
    parse_spec,
)
from notification_contract.receivers.target import MAX_TARGETS, TargetKey

__all__ = [
    "MAX_TARGETS",
    "AllowedNamespaces",
    "Fallback",
    "NamespacesFrom",
    "OnReceiverError",
    "Overflow",
    "RateLimit",
    "ReceiverSpec",
    "ReceiverSpecError",
    "ReceiverType",
    "SecretUse",
    "TargetKey",
    "parse_spec",
]
