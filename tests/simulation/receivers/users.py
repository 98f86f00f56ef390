"""The users of a simulation with receivers: their notifications name receivers, and times between which to deliver."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from notification_domain.json_values import format_time
from tests.simulation.cluster import NAMESPACE, OTHER_NAMESPACES
from tests.simulation.environment import now
from tests.simulation.receivers.specs import BACKUP, DEFAULT_TYPE, MAIL, ON_CALL, SCREEN, TEAM, Declaration
from tests.simulation.users import Users

CHANNEL_LISTS: Final = (
    ("console",),
    (),
    (DEFAULT_TYPE,),
    ("console", "slack"),
    ("console", DEFAULT_TYPE),
    ("console", "file", "slack"),
)
NOT_BEFORE: Final = (None, None, None, None, 3.0, 15.0)
DELIVER_BEFORE: Final = (None, None, None, None, 6.0, 20.0, 45.0)
"""Seconds after the creation."""


class ReceiverUsers(Users):
    """Create notifications that name receivers, and do everything that other users do."""

    def create(self, name: str) -> None:
        """Create an object."""
        choices = self._choices
        namespace = OTHER_NAMESPACES.get(name, NAMESPACE)
        channels = choices.pick(CHANNEL_LISTS)
        named = [each for each in (TEAM, ON_CALL, MAIL, BACKUP, SCREEN) if choices.chance(35)]
        spec: dict[str, Any] = {
            "type": "simple",
            "priority": choices.pick(("medium", "medium", "critical", "low")),
            "subject": "subject",
            "body": "body",
            "retryPolicy": {
                "maxAttempts": choices.pick((3, 1, 2, 4)),
                "initialBackoffSeconds": choices.pick((1, 3)),
                "backoffMultiplier": 2,
                "maxBackoffSeconds": 60,
            },
        }
        spec |= {"channels": list(channels)} if channels else {}
        spec |= {"receiverRefs": [_reference(each, namespace) for each in named]} if named else {}
        for field, seconds in (
            ("notBefore", choices.pick(NOT_BEFORE)),
            ("deliverBefore", choices.pick(DELIVER_BEFORE)),
        ):
            if seconds is not None:
                spec[field] = format_time(now() + timedelta(seconds=seconds))
        uid = self._cluster.create(name, spec, format_time(now()))
        self._log(f"{name} is created ({uid}): {_described(spec, named)}")


def _reference(declaration: Declaration, namespace: str) -> dict[str, str]:
    place = declaration.place
    return {"name": place.name} | ({"namespace": place.namespace} if place.namespace != namespace else {})


def _described(spec: dict[str, Any], named: list[Declaration]) -> str:
    parts = (
        *spec.get("channels", ()),
        *(str(each.place) for each in named),
        spec["priority"] != "medium" and spec["priority"],
        "notBefore" in spec and f"not before {spec['notBefore']}",
        "deliverBefore" in spec and f"deliver before {spec['deliverBefore']}",
        f"{spec['retryPolicy']['maxAttempts']} attempts",
    )
    return ", ".join(part for part in parts if part)
