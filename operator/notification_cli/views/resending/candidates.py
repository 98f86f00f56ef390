"""Which finished notifications a redrive sends again, and why it leaves others out. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from notification_cli.views.incidents import YoungestEvents, event_of
from notification_cli.views.resending.replay import (
    ReplayRefusedError,
    SentBeforeError,
    missed_targets,
    original_of,
    refuse,
    replay_name,
)
from notification_cli.views.resending.undelivered import ANYWHERE, place_of, undelivered
from notification_cli.views.rows import ReceiverFilter, created_at
from notification_contract import names
from notification_contract.kinds.choices import LifecycleEvent, Phase
from notification_domain.json_values import entries, mapping, text
from notification_domain.receivers.catalog import ReceiverKey
from notification_domain.status import Reason, phase_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

Original = tuple[str, str]
"""Namespace and uid of a notification."""


class Outcome(StrEnum):
    """What became of one notification of a redrive."""

    CREATED = "created"
    EXISTS = "existed"
    """The batch had created the replay before."""
    SKIPPED = "skipped"
    """Another redrive or replay has sent it since the plan."""
    VANISHED = "vanished"
    OVERTAKEN = "overtaken"
    """A younger event of its incident has come since the plan."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a user wants to send again; an empty field does not restrict."""

    batch: str
    reasons: Collection[str] = ()
    receiver: ReceiverFilter | None = None
    since: datetime | None = None
    include_resolved: bool = False
    """Also what a younger event of its incident has overtaken."""
    include_rescued: bool = False
    """Also what a fallback has delivered."""

    def concerns(self, key: ReceiverKey) -> bool:
        return self.receiver is None or self.receiver.matches([key])

    @property
    def only(self) -> Callable[[ReceiverKey], bool] | None:
        """Which receivers a replay goes to; None for any target."""
        return None if self.receiver is None else self.concerns


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One notification to send again; `targets` is empty where routing chooses."""

    namespace: str
    name: str
    uid: str
    created: datetime
    reason: str
    targets: tuple[str, ...]
    receivers: tuple[ReceiverKey, ...]
    replay: str
    """The name of its replay."""
    done: bool
    """Whether this batch has created the replay already."""


@dataclass(slots=True, kw_only=True)
class Replayed:
    """The replays that exist, by their original: where each of them goes, and whose batch has made it.

    A replay is in the namespace of its original. Elsewhere, anyone can write that an object replays another one.
    """

    places: dict[Original, set[ReceiverKey | str]] = field(default_factory=lambda: defaultdict(set))
    batches: set[tuple[Original, str]] = field(default_factory=set)
    """Originals and batches."""

    def add(self, obj: Mapping[str, Any]) -> None:
        uid = original_of(obj)
        if not uid:
            return
        namespace, spec = obj["metadata"]["namespace"], mapping(obj.get("spec"))
        original = (namespace, uid)
        refs = [mapping(ref) for ref in entries(spec.get("receiverRefs"))]
        places: set[ReceiverKey | str] = {text(channel) for channel in entries(spec.get("channels"))}
        places |= {
            ReceiverKey(text(ref.get("namespace")) or namespace, text(ref.get("name"))) for ref in refs
        }
        targets = map(mapping, entries(mapping(obj.get("status")).get("targets")))
        self.places[original] |= places or {ANYWHERE}
        self.places[original] |= {place_of(text(each.get("name")), namespace) for each in targets}
        self.batches.add((original, batch_of(obj)))

    def of(self, original: Original) -> AbstractSet[ReceiverKey | str]:
        """Return where the replays of an original go."""
        return self.places.get(original, frozenset())


@dataclass(slots=True, kw_only=True)
class Selection:
    """Sorts objects as they are listed; at most `limit` of them are kept, by namespaces in turns."""

    wanted: Wanted
    limit: int
    replayed: Replayed = field(default_factory=Replayed)
    events: YoungestEvents = field(default_factory=YoungestEvents)
    """Those of the incidents; none if what they have overtaken is sent, too."""
    kept: dict[str, list[Candidate]] = field(default_factory=lambda: defaultdict(list))
    """By namespace."""
    left_out: Counter[str] = field(default_factory=Counter)
    """How many are beyond the limit, by namespace."""
    before: int = 0
    """How many another redrive or replay has sent again already."""
    resolved: int = 0
    """How many are about an incident that was resolved since."""
    refused: Counter[str] = field(default_factory=Counter)
    """How many cannot be sent again, by the reason."""

    def add(self, obj: Mapping[str, Any]) -> None:
        meta, wanted = obj["metadata"], self.wanted
        if batch_of(obj) == wanted.batch or not self._matches(obj):
            return
        original = (meta["namespace"], meta["uid"])
        done = (original, wanted.batch) in self.replayed.batches
        sent = frozenset() if done else self.replayed.of(original)
        try:
            refuse(obj)
            missed = missed_targets(obj, only=wanted.only, include_rescued=wanted.include_rescued, sent=sent)
        except SentBeforeError:
            self.before += 1
            return
        except ReplayRefusedError as error:
            self.refused[str(error)] += 1
            return
        if not done and resolved_since(obj, self.events):
            self.resolved += 1
            return
        if not done and reported_since(obj, self.events):
            self.refused["a younger Trigger has reported the incident again"] += 1
            return
        self._keep(
            Candidate(
                namespace=meta["namespace"],
                name=meta["name"],
                uid=meta["uid"],
                created=created_at(obj),
                reason=text(mapping(obj.get("status")).get("reason")),
                targets=missed.targets,
                receivers=missed.receivers,
                replay=replay_name(meta["name"], meta["uid"], self.wanted.batch),
                done=done,
            )
        )

    @property
    def candidates(self) -> list[Candidate]:
        """The first of each namespace, then the second of each, and so on."""
        return [each for turn in zip_longest(*self.kept.values()) for each in turn if each is not None]

    @property
    def matching(self) -> int:
        """How many may be sent again, with those beyond the limit and those that this batch has sent."""
        return self._count + self.left_out.total()

    @property
    def _count(self) -> int:
        return sum(map(len, self.kept.values()))

    @property
    def waiting(self) -> list[Candidate]:
        """The candidates that this batch has not sent again yet."""
        return [each for each in self.candidates if not each.done]

    def _keep(self, candidate: Candidate) -> None:
        """Keep a candidate; beyond the limit, the namespace with the most loses its last one."""
        self.kept[candidate.namespace].append(candidate)
        if self._count > self.limit:
            most = max(self.kept, key=lambda namespace: len(self.kept[namespace]))
            self.left_out[self.kept[most].pop().namespace] += 1

    def _matches(self, obj: Mapping[str, Any]) -> bool:
        if self.wanted.since is not None and created_at(obj) < self.wanted.since:
            return False
        if phase_of(obj) is Phase.SENT and not _is_rescued(obj):
            return False
        if self.wanted.receiver is not None and not self._concerned(obj):
            return False
        return not self.wanted.reasons or not reasons_of(obj).isdisjoint(self.wanted.reasons)

    def _concerned(self, obj: Mapping[str, Any]) -> bool:
        """Return whether a target of the receiver is undelivered."""
        wanted = self.wanted
        missed = undelivered(obj, only=wanted.concerns, include_rescued=wanted.include_rescued)
        return bool(missed.targets)


def _is_rescued(obj: Mapping[str, Any]) -> bool:
    return mapping(obj.get("status")).get("reason") == Reason.DELIVERED_BY_FALLBACK


def resolved_since(obj: Mapping[str, Any], events: YoungestEvents) -> bool:
    """Return whether a notification would open an incident that is over."""
    return event_of(obj) is not LifecycleEvent.RESOLVE and events.overtaken_by(LifecycleEvent.RESOLVE, obj)


def reported_since(obj: Mapping[str, Any], events: YoungestEvents) -> bool:
    """Return whether a notification would acknowledge or close an incident that was reported again."""
    return event_of(obj) is not LifecycleEvent.TRIGGER and events.overtaken_by(LifecycleEvent.TRIGGER, obj)


def reasons_of(obj: Mapping[str, Any]) -> set[str]:
    """Return the reason of the phase, and those of failed attempts and of suppressed targets."""
    status = mapping(obj.get("status"))
    attempts = [mapping(each) for each in entries(status.get("deliveryAttempts"))]
    targets = [mapping(each) for each in entries(status.get("targets"))]
    reasons = {text(status.get("reason")), *(text(each.get("suppressedBy")) for each in targets)}
    reasons |= {text(each.get("reason")) for each in attempts if each.get("status") != "success"}
    return reasons - {""}


def batch_of(obj: Mapping[str, Any]) -> str:
    """Return the id of the redrive that has created an object; empty if none has."""
    return text(mapping(obj["metadata"].get("labels")).get(names.REDRIVE_LABEL))
