"""The sources that exist, by namespace and name, with the credentials that each one accepts."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog

from atomic_status import Resource
from notification_contract import names
from notification_contract.sources.source import NotificationSource, SourceSpecError
from notification_contract.sources.status import ReadyReason
from notification_gateway.authentication.shared_secrets import SharedSecrets
from notification_gateway.sources.path_tokens import key_of
from notification_gateway.sources.readiness import Readiness, assess
from notification_gateway.sources.secret_values import SecretKey
from notification_operator.domain.json_values import mapping, moment
from notification_operator.kube.objects import collection
from notification_operator.rendering.job import RenderingError
from notification_operator.rendering.texts import check_templates
from notification_operator.watch.collection_watch import Changed, Collection, Failed, Listed, Removed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from notification_gateway.sources.path_tokens import PathTokens
    from notification_gateway.sources.secret_values import SecretValues
    from notification_operator.rendering.job import Renderer
    from notification_operator.watch.collection_watch import Event, KubeWatches

logger = structlog.get_logger(__name__)

RESOURCE: Final = Resource(group=names.GROUP, version=names.VERSION, plural=names.SOURCE_PLURAL)
"""NotificationSource."""
MOST: Final = 2000
"""Sources that are served."""
MOST_OF_NAMESPACE: Final = 200
"""Sources of one namespace other than the gateway's that are served: the oldest."""
MISSING: Final = f"the CRD {names.SOURCE_CRD} is not installed"
CRD_HINT: Final = (
    "apply the CRD of NotificationSource; the gateway begins to work a few seconds later and needs no restart"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceKey:
    """Namespace and name of a source."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A source as it was seen last."""

    key: SourceKey
    uid: str
    generation: int
    created: str
    last_received: datetime | None
    """When a replica last received a message for it, as its status says."""
    source: NotificationSource | None
    """None if this version cannot use its spec."""
    problem: str = ""
    """Why not."""

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Declared:
        """Return the source of an object of the API server."""
        metadata = document["metadata"]
        source, problem = None, ""
        try:
            source = NotificationSource.parse(document)
        except SourceSpecError as error:
            problem = str(error)
        return cls(
            key=SourceKey(namespace=metadata["namespace"], name=metadata["name"]),
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            created=metadata.get("creationTimestamp", ""),
            last_received=moment(mapping(document.get("status")).get("lastReceivedTime")),
            source=source,
            problem=problem,
        )


@dataclass(slots=True)
class _Entry:
    declared: Declared
    template_problem: str = ""
    is_excess: bool = False
    checked: bool = False
    """Whether its templates were compiled, and its Secrets looked for."""


class Sources:
    """Follows the sources of a namespace, or of all.

    Args:
        watches: opens watches.
        home: the gateway's own namespace.
        everywhere: whether sources of other namespaces are served, too.
        renderer: compiles templates.
    """

    def __init__(  # noqa: PLR0913 - what it follows, and what it needs for it
        self,
        watches: KubeWatches,
        secrets: SecretValues,
        tokens: PathTokens,
        renderer: Renderer,
        *,
        home: str,
        everywhere: bool,
    ) -> None:
        self._watches = watches
        self._secrets = secrets
        self._tokens = tokens
        self._renderer = renderer
        self.home = home
        self._everywhere = everywhere
        self._entries: dict[SourceKey, _Entry] = {}
        self.known = False
        """Whether all sources and their Secrets were looked for once, so that an unknown source does not exist."""
        self._listed = False
        self._changed = asyncio.Event()
        self._on_change: Callable[[SourceKey], None] = lambda _key: None
        self.error = ""
        """Why the sources cannot be listed or watched now."""

    @property
    def keys(self) -> tuple[SourceKey, ...]:
        """Every source that exists."""
        return tuple(self._entries)

    @property
    def last_received(self) -> dict[str, datetime | None]:
        """When each source last received a message, by its namespace and name; None before the first one."""
        return {str(key): each.declared.last_received for key, each in self._entries.items()}

    def exists(self, source: str) -> bool:
        """Return whether there is a source of this namespace/name."""
        namespace, _, name = source.partition("/")
        return SourceKey(namespace=namespace, name=name) in self._entries

    def declared(self, key: SourceKey) -> Declared | None:
        """Return a source as it was seen last; None if it does not exist."""
        entry = self._entries.get(key)
        return entry.declared if entry else None

    def get(self, namespace: str, name: str) -> NotificationSource | None:
        """Return a source that is served."""
        entry = self._entries.get(SourceKey(namespace=namespace, name=name))
        return entry.declared.source if entry and not entry.is_excess else None

    def shared_secrets(self, source: NotificationSource) -> SharedSecrets:
        """Return what a source accepts now."""

        def values(name: str, key: str) -> tuple[str, ...]:
            return self._secrets.values(SecretKey(source.namespace, name), key)

        auth, hmac = source.spec.auth, source.spec.auth.hmac
        keys = (*filter(None, (hmac.secret_ref,)), *hmac.secret_refs) if hmac else ()
        return SharedSecrets(
            bearers=tuple(value for ref in auth.bearers for value in values(ref.name, ref.key or "token")),
            basics=tuple(
                (user, password)
                for ref in auth.basics
                for user in values(ref.name, ref.username_key)
                for password in values(ref.name, ref.password_key)
            ),
            hmac_keys=tuple(value for ref in keys for value in values(ref.name, ref.key or "secret")),
            path_tokens=self._tokens.of(source) if auth.path else (),
        )

    async def refresh(self, source: NotificationSource | None) -> bool:
        """Read the Secrets of a source as they are from now on; return whether the API server has now shown all of them, or that there is none.

        Without a source, it takes as long as the latest read: the time must not show which sources exist.
        """
        if source is None:
            await asyncio.sleep(self._secrets.latest_seconds)
            return True
        keys = _secret_keys(source)
        is_read = await self._secrets.refresh(keys)
        # The gateway needs no right on the stored path token of an earlier version.
        states = [self._secrets.get(key) for key in _used_keys(source)]
        return is_read and all(each.known and not each.is_denied for each in states)

    def readiness(self, key: SourceKey) -> Readiness | None:
        """Return whether a source can accept messages; None while that is not known."""
        entry = self._entries.get(key)
        if entry is None or not entry.checked:
            return None
        if entry.is_excess:
            return Readiness(
                reason=ReadyReason.NOT_ALLOWED,
                message=f"The gateway serves {MOST_OF_NAMESPACE} sources of a namespace, and {MOST} in all; delete some",
            )
        if entry.declared.source is None:
            return Readiness(reason=ReadyReason.SPEC_INVALID, message=entry.declared.problem)
        return assess(
            entry.declared.source,
            self._secrets.get,
            entry.template_problem,
            path_problem=self._tokens.problem,
        )

    async def run(self, on_change: Callable[[SourceKey], None]) -> None:
        """Follow the sources until cancelled; report each that has changed or is gone, or whose Secrets have changed."""
        self._on_change = on_change
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(), name="sources")
            group.create_task(self._check(), name="source checks")
            group.create_task(self._secrets.run(self._on_secret), name="source secrets")
            group.create_task(self._tokens.run(self._on_path_keys), name="path keys")

    async def _watch(self) -> None:
        within = Collection(
            path=collection(RESOURCE, None if self._everywhere else self.home),
            name="notificationsources"
            if self._everywhere
            else f"notificationsources in namespace {self.home}",
            crd=RESOURCE,
        )
        watch = self._watches.open(within, Declared.parse)
        async with aclosing(watch.changes()) as events:  # type: ignore[type-var]  # a generator
            async for event in events:
                # Of a kind that is not installed, the listing is empty: whether a source exists is not known then.
                self._take(event, missing=watch.missing)

    def _take(self, event: Event[Declared], *, missing: bool) -> None:
        match event:
            case Listed(items):
                present = {each.key: each for each in items}
                for key in self._entries.keys() - present.keys():
                    del self._entries[key]
                    if not missing:
                        self._on_change(key)
                for each in present.values():
                    self._put(each)
                self._listed, self.known = not missing, self.known and not missing
            case Changed(item):
                if not self._put(item):
                    # Its status has changed, as it does with every write of a replica.
                    self.error = ""
                    return
            case Removed(item):
                self._entries.pop(item.key, None)
                self._on_change(item.key)
            case Failed(error):
                self.error = str(error)
                return
        self.error = MISSING if missing else ""
        self._count()
        self._secrets.want(
            key
            for each in self._entries.values()
            if each.declared.source
            for key in _secret_keys(each.declared.source)
        )
        self._changed.set()

    def _put(self, declared: Declared) -> bool:
        """Take in a source; return whether it is new, or has another spec."""
        before = self._entries.get(declared.key)
        if before is not None and (before.declared.uid, before.declared.generation) == (
            declared.uid,
            declared.generation,
        ):
            before.declared = declared
            return False
        self._entries[declared.key] = _Entry(declared)
        return True

    def _count(self) -> None:
        """Mark the sources that are too many: the newest of their namespace."""
        counts: Counter[str] = Counter()
        oldest = sorted(self._entries.values(), key=lambda each: (each.declared.created, each.declared.uid))
        for each in oldest:
            namespace = each.declared.key.namespace
            counts[namespace] += 1
            each.is_excess = counts.total() > MOST or (
                namespace != self.home and counts[namespace] > MOST_OF_NAMESPACE
            )

    async def _check(self) -> None:
        """Read the Secrets and compile the templates of what is new."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            new = [each for each in self._entries.values() if not each.checked]
            await asyncio.gather(*map(self._look_for_secrets, new))
            self.known = self.known or self._listed
            # Compiling takes longer, and messages need not wait for it.
            await asyncio.gather(*map(self._compile, new))

    async def _look_for_secrets(self, entry: _Entry) -> None:
        if entry.declared.source is not None:
            await self.refresh(entry.declared.source)

    async def _compile(self, entry: _Entry) -> None:
        if entry.declared.source is not None:
            entry.template_problem = await self._compiled(entry.declared.source)
        entry.checked = True
        self._on_change(entry.declared.key)

    async def _compiled(self, source: NotificationSource) -> str:
        """Return why a template is not valid; empty if they are, or if that cannot be found out."""
        templates = {"subject": source.spec.mapping.subject, "body": source.spec.mapping.body}
        if not any(templates.values()):
            return ""
        try:
            return await self._renderer.run(source.namespace, check_templates, sources=templates)
        except RenderingError:
            return ""

    def _on_secret(self, key: SecretKey) -> None:
        for each in tuple(self._entries.values()):
            source = each.declared.source
            if source is not None and key in _secret_keys(source):
                self._on_change(each.declared.key)

    def _on_path_keys(self) -> None:
        for key, each in tuple(self._entries.items()):
            if each.declared.source is not None and each.declared.source.spec.auth.path:
                self._on_change(key)


def _used_keys(source: NotificationSource) -> frozenset[SecretKey]:
    return frozenset(SecretKey(source.namespace, use.name) for use in source.spec.auth.secret_uses())


def _secret_keys(source: NotificationSource) -> frozenset[SecretKey]:
    return _used_keys(source) | ({key_of(source)} if source.spec.auth.path else frozenset())
