"""The receivers of the cluster: kept up to date in one immutable snapshot, which the operator takes in (DD-CATALOG-001)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from sys import intern
from typing import TYPE_CHECKING, Any, Final

import structlog

from notification_contract import names
from notification_domain.json_values import text
from notification_domain.quota import RECEIVERS, Quota, places
from notification_domain.receivers.catalog import Catalog, ReceiverKey
from notification_domain.receivers.declared import declare
from notification_domain.receivers.drills import is_drilled, reached
from notification_domain.receivers.health import ReadyReason
from notification_domain.receivers.status import latest, not_after
from notification_operator.watch.namespaces import NAMESPACES, AllNamespaces, NamespaceLabels
from notification_operator.watch.spec_parts import PartPool
from notification_runtime.kube.collection_watch import Changed, Collection, Failed, Listed, Removed
from notification_runtime.kube.objects import RECEIVER_RESOURCE, collection
from notification_runtime.telemetry.gauges import ReceiverState

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from notification_domain.key import Key
    from notification_domain.receivers.catalog import Receiver
    from notification_domain.receivers.declared import Declared
    from notification_domain.receivers.health import Health
    from notification_operator.controller.receivers import ReceiverStatusController
    from notification_operator.endpoints.registry import Endpoints
    from notification_operator.endpoints.template_checks import TextChecks
    from notification_operator.observers.publisher import Transition
    from notification_operator.watch.namespaces import SelectedNamespaces
    from notification_operator.watch.references import ReceiverReferences
    from notification_runtime.kube.collection_watch import CollectionWatch, KubeWatches

logger = structlog.get_logger(__name__)

EVERYTHING: Final = AllNamespaces()
CRD_HINT: Final = (
    f"apply the CRD {names.RECEIVER_CRD}; until then there are no receivers, and channels of the settings work "
    "as before; the operator needs no restart"
)
RETRY_SECONDS: Final = 30.0
"""A change whose handler has failed is handed on again after this time."""


@dataclass(slots=True, kw_only=True, eq=False)
class Scope:
    """The receivers of one namespace, or of all."""

    namespace: str | None
    name: str
    """Names it in messages."""
    watch: CollectionWatch[ReceiverKey]
    answered: bool = False
    """Whether they were listed, or the account may not list them."""

    def covers(self, key: ReceiverKey) -> bool:
        return self.namespace is None or key.namespace == self.namespace


class ReceiverCatalog:
    """Follows the receivers; a change replaces the snapshot, between two reconciliations.

    Args:
        home: the operator's own namespace, whose receivers are always followed.
        namespaces: the namespaces that are watched; empty for all.
        served: contains the namespaces that this operator serves. The receivers of others, except those of its own
            namespace, are another operator's.
        types_elsewhere: the types that receivers in other namespaces than `home` may have; None: all.
        quota: says which receivers are kept; None: all of them. Of the others, only the problem is.
    """

    def __init__(  # noqa: PLR0913 - the settings that say which receivers count
        self,
        watches: KubeWatches,
        *,
        home: str,
        namespaces: Sequence[str] = (),
        served: Container[str] = EVERYTHING,
        types_elsewhere: Sequence[str] | None = None,
        quota: Quota[ReceiverKey] | None = None,
    ) -> None:
        self._home = home
        self._types_elsewhere = types_elsewhere
        self._quota = quota or Quota(RECEIVERS, home=home)
        self._served = served
        self._compact = PartPool().compact
        followed = dict.fromkeys((*namespaces, home)) if namespaces else (None,)
        self._scopes = tuple(self._scope(watches, namespace) for namespace in followed)
        self._labels = NamespaceLabels(watches)
        self._declared: dict[ReceiverKey, Declared] = {}
        self._read: dict[ReceiverKey, Declared] = {}
        """What was read of receivers and is not taken in yet, because the listing goes on."""
        self._changed: set[ReceiverKey] = set()
        """Receivers that have changed since the snapshot was taken."""
        self._usable: dict[ReceiverKey, Receiver] = {}
        self._problems: dict[ReceiverKey, Sequence[str]] = {}
        """Both are copied for each snapshot."""
        self._selecting: set[ReceiverKey] = set()
        """Receivers whose selectors of namespaces decide."""
        self.catalog = Catalog(home=home)
        """The receivers that can be used now."""
        self.known = False
        """Whether the receivers were looked for everywhere; until then no target can be resolved."""
        self._on_known: Callable[[], None] = lambda: None
        self._on_change: Callable[[frozenset[ReceiverKey]], None] = lambda _changed: None

    @property
    def errors(self) -> Mapping[str, str]:
        """What cannot be followed now, and why; a namespace that refuses has no receivers, or the last known ones."""
        errors = {scope.name: scope.watch.error for scope in self._scopes}
        errors[NAMESPACES.name] = self._labels.error
        return {name: error for name, error in errors.items() if error}

    @property
    def keys(self) -> Iterable[ReceiverKey]:
        """All receivers, those that cannot be used included."""
        return filter(self._serves, self._declared)

    def declared(self, key: ReceiverKey) -> Declared | None:
        """Return what was seen last of a receiver; None if it does not exist."""
        return self._declared.get(key) if self._serves(key) else None

    def reselect(self, namespace: str) -> None:
        """Take in that a namespace is served, or is not served any more."""
        self._reconsider(self._quota.serve(namespace, served=namespace in self._served))
        self._changed.update(key for key in self._declared if key.namespace == namespace)
        self._publish()

    def _serves(self, key: ReceiverKey) -> bool:
        return key.namespace == self._home or key.namespace in self._served

    async def run(
        self, *, on_known: Callable[[], None], on_change: Callable[[frozenset[ReceiverKey]], None]
    ) -> None:
        """Follow the receivers until cancelled.

        Args:
            on_known: called once, when the receivers were looked for everywhere.
            on_change: called after each change of the snapshot with the receivers that are new, gone, or different in
                their spec, their problems, the namespaces that may use them, or their annotations.
        """
        self._on_known, self._on_change = on_known, on_change
        async with asyncio.TaskGroup() as tasks:
            for scope in self._scopes:
                tasks.create_task(self._follow(scope), name=scope.name)
            tasks.create_task(self._labels.run(self._on_labels), name=NAMESPACES.name)

    def _scope(self, watches: KubeWatches, namespace: str | None) -> Scope:
        name = f"receivers in namespace {namespace}" if namespace else "receivers"
        followed = Collection(path=collection(RECEIVER_RESOURCE, namespace), name=name, crd=RECEIVER_RESOURCE)
        return Scope(namespace=namespace, name=name, watch=watches.open(followed, self._declare))

    def _declare(self, obj: Mapping[str, Any]) -> ReceiverKey:
        """Note what an object declares, before the next one is read: a listing may have more than there is memory for."""
        meta = obj["metadata"]
        key = ReceiverKey(intern(meta["namespace"]), meta["name"])
        created = text(meta.get("creationTimestamp"))
        changed = self._quota.add(
            key, created=created, places=places(obj.get("spec")), served=self._serves(key)
        )
        self._read[key] = declare(
            obj,
            self._declared.get(key),
            home=self._home,
            types_elsewhere=self._types_elsewhere,
            compact=self._compact,
            excess=self._quota.problem(key),
        )
        self._reconsider(changed)
        return key

    def _reconsider(self, keys: Iterable[ReceiverKey]) -> None:
        """Drop the spec of what is not kept any more; read again what is kept now."""
        for key in keys:
            problem = self._quota.problem(key)
            for place in (self._read, self._declared):
                each = place.get(key)
                if each is not None and problem and not each.is_excess:
                    place[key] = each.without_spec(problem)
                    self._changed.add(key)
                elif each is not None and each.is_excess and not problem:
                    for scope in self._scopes:
                        if scope.covers(key):
                            scope.watch.expire()

    async def _follow(self, scope: Scope) -> None:
        async for event in scope.watch.changes():
            match event:
                case Listed(items=items):
                    scope.answered = True
                    self._take(items, self._unlisted(scope, items))
                case Changed(item=item):
                    self._take([item])
                case Removed(item=item):
                    self._take((), [item])
                case Failed(error=error):
                    self._read = {key: each for key, each in self._read.items() if not scope.covers(key)}
                    # Without the permission these receivers cannot be used; everything else must not wait for it.
                    scope.answered = scope.answered or error.status == HTTPStatus.FORBIDDEN
            self._publish()

    def _unlisted(self, scope: Scope, items: Iterable[ReceiverKey]) -> Sequence[ReceiverKey]:
        """Return the receivers of a scope that a listing does not contain."""
        listed = frozenset(items)
        return [key for key in self._quota.keys if scope.covers(key) and key not in listed]

    def _take(self, present: Iterable[ReceiverKey], gone: Iterable[ReceiverKey] = ()) -> None:
        """Note what exists, and what does not exist any more."""
        for key in present:
            each, before = self._read.pop(key, None), self._declared.get(key)
            if each is not None and each is not before:
                self._declared[each.key] = each
                if before is None or not each.declares_as(before):
                    self._changed.add(each.key)
                    _log(each, before)
        for key in gone:
            self._read.pop(key, None)
            if self._declared.pop(key, None) is not None:
                self._changed.add(key)
            self._reconsider(self._quota.remove(key))

    def _on_labels(self) -> None:
        self._changed |= self._selecting
        self._publish()

    def _publish(self) -> None:
        """Take a new snapshot if anything has changed, and tell whom it concerns.

        A receiver that has not changed is only copied: there may be any number of them beyond the quota.
        """
        changed = frozenset(self._changed)
        self._changed.clear()
        if changed:
            for key in changed:
                self._sort(key)
            self._labels.want(wanted=bool(self._selecting))
            self.catalog = Catalog(
                home=self._home,
                receivers=self._usable.copy(),
                problems=self._problems.copy(),
                labels=self._labels.labels,
                labels_known=self._labels.answered or not self._selecting,
            )
            self._tell(changed)
        if not self.known and self._all_answered():
            self.known = True
            _call(self._on_known)

    def _sort(self, key: ReceiverKey) -> None:
        """Note for the next snapshot whether a receiver can be used, and what is wrong with it."""
        self._selecting.discard(key)
        self._usable.pop(key, None)
        self._problems.pop(key, None)
        declared = self._declared.get(key)
        if declared is None:
            return
        if declared.selects_namespaces:
            self._selecting.add(key)
        if self._serves(key):
            if declared.receiver is not None:
                self._usable[key] = declared.receiver
            if declared.problems:
                self._problems[key] = declared.problems

    def _tell(self, changed: frozenset[ReceiverKey]) -> None:
        """Hand changes on; what its handler fails for is handed on again later, and keeps back no other."""
        if _call(self._on_change, changed):
            return
        parts = [frozenset({key}) for key in sorted(changed)]
        for part in parts:
            if len(parts) == 1 or not _call(self._on_change, part):
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._tell, part)

    def _all_answered(self) -> bool:
        labels = self._labels.answered or not self._selecting
        return labels and all(scope.answered for scope in self._scopes)


def _log(declared: Declared, before: Declared | None) -> None:
    """Log that a spec is refused, and that it no longer is."""
    if declared.is_excess:
        return
    if declared.problems and (before is None or declared.generation != before.generation):
        logger.warning(
            "receiver refused",
            receiver=str(declared.key),
            generation=declared.generation,
            in_force=f"generation {declared.receiver.generation}" if declared.receiver else "none",
            problems=declared.problems,
        )
    elif before is not None and before.problems and not declared.problems:
        logger.info("receiver accepted", receiver=str(declared.key), generation=declared.generation)


def _call(callback: Callable[..., None], *arguments: object) -> bool:
    """Call back, and return whether that worked; a fault there must not end the watch."""
    try:
        callback(*arguments)
    except Exception:
        logger.exception("change of receivers not handled")
        return False
    return True


@dataclass(frozen=True, slots=True, eq=False)
class ReceiverWatch:
    """Follows receivers, their Secrets, and the ConfigMaps with their templates, and says how they are."""

    catalog: ReceiverCatalog
    references: ReceiverReferences
    checks: tuple[TextChecks, ...]
    endpoints: Endpoints
    status: ReceiverStatusController
    served: AllNamespaces | SelectedNamespaces
    """The namespaces that this operator serves."""
    watched: frozenset[str]
    """The namespaces whose notifications are watched; empty for all."""
    enqueue: Callable[[Key], None]
    """Requests the reconciliation of a notification."""
    gone: Callable[[ReceiverKey], None]
    """Called with each receiver that does not exist any more."""
    clock: Callable[[], datetime]
    """The wall-clock time."""

    async def run(self, *, on_known: Callable[[], None]) -> None:
        """Work until cancelled; call `on_known` once, when all receivers were looked for."""
        self.served.observe(self.catalog.reselect)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                self.catalog.run(on_known=on_known, on_change=self._on_receivers), name="receiver catalog"
            )
            tasks.create_task(self.references.run(self._on_references), name="receiver references")
            for each in self.checks:
                tasks.create_task(each.run(self._on_references), name="receiver texts")

    def _on_receivers(self, changed: frozenset[ReceiverKey]) -> None:
        self.references.update(changed, self.catalog.catalog)
        self._on_references(changed)
        for key in changed:
            if self.catalog.declared(key) is None:
                self.gone(key)

    def _on_references(self, changed: frozenset[ReceiverKey]) -> None:
        for notification in self.endpoints.replace(changed):
            self.enqueue(notification)
        for key in sorted(changed):
            self.status.note(key)

    def on_transition(self, transition: Transition) -> None:
        """Take in which receivers a drill has reached, as an observer of status writes."""
        for key, time in reached(transition.before, transition.after).items():
            self.endpoints.drilled(key, time)
            self.status.note(key)

    def states(self) -> Iterator[ReceiverState]:
        """Yield what the metrics show of each receiver."""
        usable, invalid = self.catalog.catalog.receivers, self.catalog.catalog.problems
        for key, receiver in usable.items():
            ready, health = self.endpoints.known_readiness(receiver), self.endpoints.health(key)
            accepted = ready is not None and ready.reason is ReadyReason.ACCEPTED and ready.sendable
            known = ready is not None or key in invalid
            yield ReceiverState(
                name=str(key),
                ready=(accepted and key not in invalid and not self._refuses(key, health)) if known else None,
                last_success=health.last_success,
                drilled=self._delivers_from(key.namespace) and is_drilled(receiver.spec),
                last_drill=self._last_drill(key, health),
            )
        for key in invalid.keys() - usable.keys():
            yield ReceiverState(
                name=str(key),
                ready=False,
                drilled=self._delivers_from(key.namespace),
                last_drill=self._last_drill(key, self.endpoints.health(key)),
            )

    def _refuses(self, key: ReceiverKey, health: Health) -> bool:
        """Return whether the receiver has accepted no message since it refused one of this replica."""
        declared = self.catalog.declared(key)
        accepted = not_after(declared.last_success if declared else None, self.clock())
        is_over = accepted is not None and health.last_attempt is not None and accepted > health.last_attempt
        return bool(health.problem) and not is_over

    def _delivers_from(self, namespace: str) -> bool:
        return namespace in self.served and (not self.watched or namespace in self.watched)

    def _last_drill(self, key: ReceiverKey, health: Health) -> datetime | None:
        declared = self.catalog.declared(key)
        stored = declared.last_drill if declared else None
        return latest(not_after(stored, self.clock()), health.last_drill)
