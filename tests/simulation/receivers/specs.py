"""The receivers of a schedule, and the specs that they may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.simulation.cluster import NAMESPACE, OTHER_NAMESPACES
from tests.simulation.receivers.api_objects import Kind, Place
from tests.simulation.receivers.seen import HOME

if TYPE_CHECKING:
    from tests.simulation.choices import Choices

OTHER_NAMESPACE: Final = OTHER_NAMESPACES["c"]
DEFAULT_TYPE: Final = "teams"
"""The channel that only a default receiver provides."""
PEOPLE: Final = ("ann@example.com", "bob@example.com")
LABELS: Final = {"tier": "prod"}
"""Of the namespaces that a selector matches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A receiver that a schedule may have."""

    place: Place
    type: str
    fallback: str
    """The name of the receiver that may be its fallback."""

    @property
    def secret(self) -> Place:
        """The Secret with its credential."""
        return Place(kind=Kind.SECRETS, namespace=self.place.namespace, name=self.place.name)


def _declaration(namespace: str, name: str, kind: str, fallback: str) -> Declaration:
    place = Place(kind=Kind.RECEIVERS, namespace=namespace, name=name)
    return Declaration(place=place, type=kind, fallback=fallback)


TEAM: Final = _declaration(NAMESPACE, "team", "webhook", "backup")
BACKUP: Final = _declaration(NAMESPACE, "backup", "mattermost", "team")
ON_CALL: Final = _declaration(HOME, "on-call", "pagerduty", "mail")
MAIL: Final = _declaration(HOME, "mail", "email", "on-call")
CHAT: Final = _declaration(HOME, "chat", DEFAULT_TYPE, "screen")
SCREEN: Final = _declaration(HOME, "screen", "console", "chat")
DECLARATIONS: Final = (TEAM, ON_CALL, MAIL, BACKUP, CHAT, SCREEN)
BY_PLACE: Final = {each.place: each for each in DECLARATIONS}

BLOCKS: Final[dict[str, dict[str, Any]]] = {
    "webhook": {"urlSecretRef": {"name": ""}},
    "mattermost": {"urlSecretRef": {"name": ""}},
    "teams": {"urlSecretRef": {"name": ""}},
    "pagerduty": {"routingKeySecretRef": {"name": ""}},
    "email": {
        "host": "mail.example.com",
        "from": "alerts@example.com",
        "to": list(PEOPLE),
        "authSecretRef": {"name": ""},
    },
}
"""By type; without one for the type whose channel is that of the settings."""
KEYS: Final = ("url", "routing-key", "username", "password")
"""A Secret has its credential under each of these."""
ALLOWED: Final = (
    {"from": "All"},
    {"from": "All"},
    {"from": "Selector", "selector": {"matchLabels": LABELS}},
    {"from": "Same"},
)
RATES: Final = (
    None,
    None,
    {"count": 2, "period": "10s", "overflow": "Defer"},
    {"count": 1, "period": "8s", "overflow": "Suppress"},
)
PRIORITIES: Final = ((), (), ("critical", "high"), ("medium", "critical"))
CAPS: Final = (None, None, {"maxAttempts": 2}, {"maxAttempts": 1})
AFTER: Final = ("Never", None, "5s", "20s", "0s")
INVALID: Final = {"allowedNamespaces": {"from": "Selector"}}
"""Makes a spec one that this version refuses."""


def new_spec(choices: Choices, declaration: Declaration, *, kind: str = "") -> dict[str, Any]:
    """Choose a spec of a receiver, of its own type or another."""
    kind = kind or declaration.type
    spec: dict[str, Any] = {"type": kind}
    if kind in BLOCKS:
        spec[kind] = {key: _named(value, declaration) for key, value in BLOCKS[kind].items()}
    spec["allowedNamespaces"] = choices.pick(ALLOWED)
    spec["onReceiverError"] = choices.pick(("Fail", "Hold"))
    if choices.chance(50):
        after, also = choices.pick(AFTER), choices.pick((False, False, True))
        spec["fallback"] = {"name": declaration.fallback, "also": also} | ({"after": after} if after else {})
    for key, value in (
        ("rateLimit", choices.pick(RATES) if kind in BLOCKS else None),
        ("priorities", list(choices.pick(PRIORITIES))),
        ("retryPolicy", choices.pick(CAPS)),
    ):
        spec |= {key: value} if value else {}
    spec["timeout"] = choices.pick(("10s", "3s"))
    return spec


def _named(value: Any, declaration: Declaration) -> Any:
    return {"name": declaration.secret.name} if isinstance(value, dict) else value


def describe(spec: dict[str, Any]) -> str:
    """Return what a trace shows of a spec."""
    shown = {key: value for key, value in spec.items() if key not in BLOCKS}
    fallback = shown.get("fallback", {})
    limit = shown.get("rateLimit", {})
    parts = (
        shown["type"],
        f"for {shown['allowedNamespaces']['from']}",
        shown["onReceiverError"],
        fallback and f"fallback {fallback['name']} after {fallback.get('after', '5m')}",
        fallback.get("also") and "which gets it also",
        limit and f"{limit['count']} per {limit['period']}, {limit['overflow']}",
        "priorities" in shown and f"only {'/'.join(shown['priorities'])}",
        "retryPolicy" in shown and f"at most {shown['retryPolicy']['maxAttempts']} attempts",
        shown.get("suspend") and "suspended",
    )
    return ", ".join(part for part in parts if part)
