"""A NotificationReceiver as it was seen last: the spec that is in force, and what is wrong with a newer one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from sys import intern
from typing import TYPE_CHECKING, Any, Final

from notification_contract import names
from notification_contract.kinds.choices import NamespacesFrom
from notification_contract.kinds.receiver import ReceiverSpecError, parse_spec
from notification_domain.error_text import readable
from notification_domain.json_values import integer, mapping, text
from notification_domain.receivers.catalog import Receiver, ReceiverKey
from notification_domain.receivers.status import (
    REQUESTED_AT_CHARACTERS,
    stored_drill,
    stored_success,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from notification_contract.kinds.receiver import ReceiverSpec

MOST_PROBLEMS: Final = 20
"""Problems of a spec that are named; a spec may have as many as fields."""
PROBLEM_CHARACTERS: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A spec that can be used, or the reasons why it cannot."""

    spec: ReceiverSpec | None = None
    problems: tuple[str, ...] = ()
    not_allowed: bool = False
    """Whether the spec is valid, but not in this namespace."""


def examine(
    spec: object, *, namespace: str, home: str, types_elsewhere: Sequence[str] | None = None
) -> Examined:
    """Examine the spec of a receiver.

    Args:
        spec: as the API server holds it.
        namespace: that of the receiver.
        home: the operator's own namespace.
        types_elsewhere: the types that are allowed in other namespaces; None: all.
    """
    try:
        parsed = parse_spec(mapping(spec))
        problems = () if namespace == home else tuple(_not_allowed(parsed, home, types_elsewhere))
    except ReceiverSpecError as error:
        return Examined(problems=_bounded(error.problems))
    except Exception as error:  # noqa: BLE001 - a fault of one spec must not keep the others from being read
        return Examined(problems=_bounded((f"the spec cannot be used: {readable(error)}",)))
    if problems:
        return Examined(problems=_bounded(problems), not_allowed=True)
    return Examined(spec=parsed)


def _not_allowed(spec: ReceiverSpec, home: str, types: Sequence[str] | None) -> Iterator[str]:
    """Yield what a receiver outside of the operator's namespace may not have."""
    if types is not None and spec.type not in types:
        yield (
            f"type: outside of the operator's namespace {home} a receiver can have the types {', '.join(types) or 'none'}; "
            f"use one of them, or ask an administrator of the operator to add {spec.type} to its setting "
            "receivers.types_elsewhere (receiversTypesElsewhere of a stack)"
        )
    for field in spec.restricted_fields():
        yield f"{field}: only receivers in the operator's namespace {home} may have this field"


def _bounded(problems: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(problem[:PROBLEM_CHARACTERS] for problem in problems[:MOST_PROBLEMS])


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One NotificationReceiver as it was seen last."""

    key: ReceiverKey
    uid: str
    generation: int
    """The object's; the receiver in force has a smaller one if this one was refused."""
    receiver: Receiver | None
    """The receiver with the last valid spec; None if there was none since this process has started."""
    problems: tuple[str, ...] = ()
    """Why the present spec is refused; empty if it is in force."""
    is_excess: bool = False
    """Whether it is one receiver too many, whose spec is not even read; the problem says so."""
    test_requested_at: str = ""
    """The value of the annotation that asks for a test message; empty without one."""
    last_drill: datetime | None = None
    """When the latest message of a drill was delivered, according to the status."""
    last_success: datetime | None = None
    """When any replica last delivered a message, according to the status."""

    def declares_as(self, other: Declared) -> bool:
        """Return whether another one says the same, whatever has been delivered since."""
        return replace(self, last_drill=other.last_drill, last_success=other.last_success) == other

    def without_spec(self, problem: str) -> Declared:
        """Return the same for one receiver too many."""
        return replace(self, receiver=None, problems=(problem,), is_excess=True)

    @property
    def selects_namespaces(self) -> bool:
        """Whether the labels of a namespace decide who may use the receiver."""
        return (
            self.receiver is not None
            and self.receiver.spec.allowed_namespaces.source is NamespacesFrom.SELECTOR
        )


def requested_test(obj: Mapping[str, Any]) -> str:
    """Return the value of the annotation that asks for a test message, as much as a status holds; empty without one."""
    annotations = mapping(mapping(obj.get("metadata")).get("annotations"))
    return text(annotations.get(names.TEST_ANNOTATION))[:REQUESTED_AT_CHARACTERS]


def declare(  # noqa: PLR0913 - the object, and what the settings say about it
    obj: Mapping[str, Any],
    before: Declared | None,
    *,
    home: str,
    types_elsewhere: Sequence[str] | None = None,
    compact: Callable[[ReceiverSpec], ReceiverSpec] | None = None,
    excess: str = "",
) -> Declared:
    """Return what an object declares; `before` itself if that is the same, as after a write of the status.

    Args:
        obj: the object.
        before: what was seen of this name before; its last valid spec stays in force if the new one is refused.
        home: the operator's own namespace.
        types_elsewhere: the types that are allowed in other namespaces; None: all.
        compact: returns an equal spec that takes less memory; None: the spec is kept as it was parsed.
        excess: why the spec is not to be read; empty if it is.
    """
    meta = mapping(obj.get("metadata"))
    # The name of a namespace is shared by all its receivers.
    key = ReceiverKey(intern(text(meta.get("namespace"))), text(meta.get("name")))
    uid, generation = text(meta.get("uid")), integer(meta.get("generation")) or 0
    annotations = mapping(meta.get("annotations"))
    if before is not None and (before.uid != uid or (before.is_excess and not excess)):
        before = None
    spec: ReceiverSpec | None = None
    problems: tuple[str, ...]
    if excess:
        problems = (excess,)
    elif before is not None and generation and before.generation == generation:
        problems = before.problems
    else:
        examined = examine(
            obj.get("spec"), namespace=key.namespace, home=home, types_elsewhere=types_elsewhere
        )
        spec, problems = examined.spec, examined.problems
    receiver = None if before is None or excess else before.receiver
    is_default = annotations.get(names.DEFAULT_RECEIVER_ANNOTATION) == "true"
    if spec is not None:
        # People read the description, the operator does not.
        spec = spec.model_copy(update={"description": ""})
        spec = spec if compact is None else compact(spec)
        receiver = Receiver(key=key, uid=uid, generation=generation, spec=spec, is_default=is_default)
    elif receiver is not None and receiver.is_default != is_default:
        receiver = replace(receiver, is_default=is_default)
    declared = Declared(
        key=key,
        uid=uid,
        generation=generation,
        receiver=receiver,
        problems=problems,
        is_excess=bool(excess),
        test_requested_at=requested_test(obj),
        last_drill=stored_drill(obj),
        last_success=stored_success(obj),
    )
    return before if before is not None and declared == before else declared
