"""The object that sends a finished notification again, to the targets that did not get it. Pure.

A replay is a new object: it has a delivery id of its own, and neither spec nor phase of the original changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from notification_cli.views.resending.undelivered import Undelivered, undelivered
from notification_contract import bounds, names
from notification_contract.kinds.choices import Phase
from notification_contract.kinds.target import address_digits
from notification_domain.json_values import entries, integer, mapping, moment, text
from notification_domain.status import FINAL, Reason, phase_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from notification_domain.receivers.catalog import ReceiverKey

NAME_CHARACTERS: Final = 40
"""Maximum length of the original's name in the name of a replay."""
DIGITS: Final = 8
MORE_DIGITS: Final = 16
"""Digits in the name of a replay whose shorter name another object has."""
LABEL_CHARACTERS: Final = 63
NOT_COPIED: Final = frozenset({"channels", "receiverRefs", "notBefore", "deliverBefore", "replayOf"})
FOREIGN_LABELS: Final = re.compile(
    r"app\.kubernetes\.io/(managed-by|instance)|(argocd\.argoproj|helm|[a-z]+\.toolkit\.fluxcd)\.(io|sh)/.*"
    rf"|{re.escape(names.REPLAY_LABEL)}|{re.escape(names.REDRIVE_LABEL)}"
)
"""Labels by which tools recognize what they have created: they would delete a copy."""
ADDRESSES: Final = ("email", "phone")
"""The fields of a recipient that make targets of their own."""


class ReplayRefusedError(Exception):
    """A notification cannot be sent again; the message is a clause about it."""


class SentBeforeError(ReplayRefusedError):
    """Its replays go to all of the targets that missed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    obj: Mapping[str, Any]
    targets: tuple[str, ...]
    """The targets that the original recorded; empty if routing chooses again."""
    notes: tuple[str, ...] = ()


def replay_name(name: str, uid: str, nonce: str, *, digits: int = DIGITS) -> str:
    """Return the name of a replay: the same for the same original and nonce."""
    digest = sha256(f"{uid}/{nonce}".encode()).hexdigest()[:digits]
    return f"{name[:NAME_CHARACTERS].rstrip('.-')}-r-{digest}"


def replay_label(name: str) -> str:
    """Return the label value of the replays of a notification; long names can have the same value."""
    return name[:LABEL_CHARACTERS].rstrip(".-")


def replay(  # noqa: PLR0913 - what decides about a replay
    obj: Mapping[str, Any],
    *,
    nonce: str,
    now: datetime,
    all_targets: bool = False,
    only: Callable[[ReceiverKey], bool] | None = None,
    include_rescued: bool = False,
    sent: AbstractSet[ReceiverKey | str] = frozenset(),
    batch: str = "",
    digits: int = DIGITS,
) -> Replay:
    """Return the replay of an object as just read.

    Args:
        obj: the original.
        nonce: distinguishes replays of the same original.
        now: the time.
        all_targets: whether it also goes to targets that have delivered.
        only: which receivers it goes to; None for any target.
        include_rescued: whether it also goes to targets whose fallback has delivered.
        sent: the places of other replays, where it does not go.
        batch: the id of a redrive; empty without one.
        digits: the length of the hash in its name.

    Raises:
        ReplayRefusedError: it cannot be sent again.
        SentBeforeError: the other replays go to all of its targets.
    """
    refuse(obj)
    meta, spec = obj["metadata"], obj["spec"]
    copied = {key: value for key, value in spec.items() if key not in NOT_COPIED}
    notes: list[str] = []
    targets: tuple[str, ...] = ()
    if all_targets:
        copied |= {key: spec[key] for key in ("channels", "receiverRefs") if spec.get(key)}
    else:
        missed = missed_targets(obj, only=only, include_rescued=include_rescued, sent=sent)
        copied |= _addressed(missed, spec, meta["namespace"])
        targets = missed.targets
        notes += _own_recipients(missed, spec)
    deadline = moment(spec.get("deliverBefore"))
    if deadline is not None and deadline > now:
        copied["deliverBefore"] = spec["deliverBefore"]
    elif deadline is not None:
        notes.append("its deliverBefore has passed and is left out")
    copied["replayOf"] = {"name": meta["name"], "uid": meta["uid"], "depth": depth_of(obj) + 1}
    return Replay(
        obj={
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": _metadata(meta, replay_name(meta["name"], meta["uid"], nonce, digits=digits), batch),
            "spec": copied,
        },
        targets=targets,
        notes=tuple(notes),
    )


def missed_targets(
    obj: Mapping[str, Any],
    *,
    only: Callable[[ReceiverKey], bool] | None = None,
    include_rescued: bool = False,
    sent: AbstractSet[ReceiverKey | str] = frozenset(),
) -> Undelivered:
    """Return the targets of a replay; none where routing chooses, because the original records none.

    Raises:
        ReplayRefusedError: there is none to send to.
        SentBeforeError: all of them are in `sent`, the places of its replays.
    """
    missed = undelivered(obj, only=only, include_rescued=include_rescued)
    if not missed.targets and missed.rescued:
        raise ReplayRefusedError(
            "fallbacks delivered it in the place of the targets that missed it; send it again with --all-targets"
        )
    if not missed.targets and (missed.recorded or only is not None):
        raise ReplayRefusedError(_delivered(obj, only))
    if sent:
        missed = undelivered(obj, only=only, include_rescued=include_rescued, sent=sent)
        # Without targets, routing would choose.
        if not missed.targets:
            raise SentBeforeError("it was sent again before")
    return missed


def refuse(obj: Mapping[str, Any]) -> None:
    """Check that an object may be sent again at all.

    Raises:
        ReplayRefusedError: it may not.
    """
    phase, status = phase_of(obj), mapping(obj.get("status"))
    if names.DRILL_LABEL in mapping(obj["metadata"].get("labels")):
        raise ReplayRefusedError("it is a drill; start another one with notif drill")
    if phase not in FINAL:
        raise ReplayRefusedError(f"it is {text(status.get('phase')) or Phase.PENDING} and not final yet")
    if depth_of(obj) >= bounds.REPLAY_DEPTH:
        raise ReplayRefusedError(
            f"it is the {bounds.REPLAY_DEPTH}th replay in a row; find out what is wrong, then create a new notification"
        )
    if status.get("reason") == Reason.TOO_LARGE:
        raise ReplayRefusedError("it is too large or has too many targets, and so would be its replay")


def depth_of(obj: Mapping[str, Any]) -> int:
    """Return how many replays led to an object; 0 for an original."""
    return integer(mapping(mapping(obj.get("spec")).get("replayOf")).get("depth")) or 0


def original_of(obj: Mapping[str, Any]) -> str:
    """Return the uid of the notification that an object sends again; empty if it is no replay."""
    return text(mapping(mapping(obj.get("spec")).get("replayOf")).get("uid"))


def _delivered(obj: Mapping[str, Any], only: object) -> str:
    if only is not None:
        return "no target of this receiver is undelivered"
    phase = text(mapping(obj.get("status")).get("phase"))
    return f"it is {phase}, and every target got it; send it again with --all-targets"


def _metadata(meta: Mapping[str, Any], name: str, batch: str) -> dict[str, Any]:
    labels = {
        key: value for key, value in (meta.get("labels") or {}).items() if not FOREIGN_LABELS.fullmatch(key)
    }
    labels[names.REPLAY_LABEL] = replay_label(meta["name"])
    if batch:
        labels[names.REDRIVE_LABEL] = batch
    result: dict[str, Any] = {"name": name, "namespace": meta["namespace"], "labels": labels}
    annotations = {
        key: value
        for key, value in (meta.get("annotations") or {}).items()
        if key.startswith(names.LABEL_PREFIX)
    }
    return {**result, "annotations": annotations} if annotations else result


def _addressed(missed: Undelivered, spec: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    """Return the fields of a spec that lead to the undelivered targets."""
    fields: dict[str, Any] = {}
    if missed.channels:
        fields["channels"] = list(missed.channels)
    if missed.receivers:
        fields["receiverRefs"] = [
            {"name": key.name}
            if key.namespace == namespace
            else {"name": key.name, "namespace": key.namespace}
            for key in missed.receivers
        ]
    if missed.digits and spec.get("recipients"):
        fields["recipients"] = list(_recipients(spec, missed.digits))
    return fields


def _recipients(spec: Mapping[str, Any], digits: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Yield the recipients without the addresses that got the message."""
    for recipient in map(mapping, entries(spec.get("recipients"))):
        kept = {
            key: value
            for key, value in recipient.items()
            if key not in ADDRESSES or address_digits(text(value)) in digits
        }
        if kept:
            yield kept


def _own_recipients(missed: Undelivered, spec: Mapping[str, Any]) -> Iterator[str]:
    """Yield a note for each receiver that sends the replay to recipients that it lists and that have got the message."""
    named = {
        address_digits(text(recipient.get(key)))
        for recipient in map(mapping, entries(spec.get("recipients")))
        for key in ADDRESSES
        if recipient.get(key)
    }
    for key, digits in missed.delivered_digits.items():
        if digits - named:
            yield f"receiver {key} sends it again to all recipients that it lists, also to those that have got it"
