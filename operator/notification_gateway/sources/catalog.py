"""The sources that exist, by namespace and name, with the credentials that each one accepts.

Nothing of a source beyond the quota is kept but its key, its age and its uid (DD-QUOTA-001).
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace
from sys import intern
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import structlog

from atomic_status import Resource
from notification_contract import names
from notification_contract.sources.source import NotificationSource, SourceSpecError
from notification_contract.sources.status import ReadyReason
from notification_domain.json_values import mapping, moment, text
from notification_domain.quota import places
from notification_domain.rendering.job import RenderingError
from notification_domain.rendering.texts import check_templates
from notification_gateway.authentication.shared_secrets import SharedSecrets
from notification_gateway.sources.path_tokens import key_of
from notification_gateway.sources.readiness import Readiness, assess
from notification_gateway.sources.secret_values import SecretKey
from notification_runtime.kube.collection_watch import Changed, Collection, Failed, Listed, Removed
from notification_runtime.kube.objects import collection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from notification_domain.quota import Quota
    from notification_domain.rendering.job import Renderer
    from notification_gateway.sources.path_tokens import PathTokens
    from notification_gateway.sources.secret_values import SecretValues
    from notification_runtime.kube.collection_watch import Event, KubeWatches

logger = structlog.get_logger(__name__)

RESOURCE: Final = Resource(group=names.GROUP, version=names.VERSION, plural=names.SOURCE_PLURAL)
"""NotificationSource."""
MISSING: Final = f"the CRD {names.SOURCE_CRD} is not installed"
CRD_HINT: Final = (
    "apply the CRD of NotificationSource; the gateway begins to work a few seconds later and needs no restart"
)


class SourceKey(NamedTuple):
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
    last_received: datetime | None
    """When a replica last received a message for it, as its status says."""
    source: NotificationSource | None
    """None if this version cannot use its spec, or if it is one source too many."""
    problem: str = ""
    """Why not."""
    is_excess: bool = False
    """Whether it is one source too many, whose spec is not even read; the problem says so."""

    @classmethod
    def parse(
        cls, document: Mapping[str, Any], before: Declared | None = None, *, excess: str = ""
    ) -> Declared:
        """Return the source of an object of the API server.

        Args:
            document: the object.
            before: what was seen of this name before; the same spec is not read again.
            excess: why the spec is not to be read; empty if it is.
        """
        metadata = document["metadata"]
        declared = cls(
            key=SourceKey(intern(metadata["namespace"]), metadata["name"]),
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            last_received=moment(mapping(document.get("status")).get("lastReceivedTime")),
            source=None,
        )
        if excess:
            return declared.without_spec(excess)
        if before is not None and declared.is_same(before):
            return replace(before, last_received=declared.last_received)
        try:
            return replace(declared, source=NotificationSource.parse(document))
        except SourceSpecError as error:
            return replace(declared, problem=str(error))

    def is_same(self, other: Declared) -> bool:
        """Return whether another one has the same spec, and counts as this one does."""
        return (self.uid, self.generation, self.is_excess) == (other.uid, other.generation, other.is_excess)

    def without_spec(self, problem: str) -> Declared:
        """Return the same for one source too many."""
        return replace(self, source=None, problem=problem, is_excess=True)


@dataclass(slots=True)
class _Entry:
    declared: Declared
    secrets: frozenset[SecretKey] = frozenset()
    """The Secrets that it refers to."""
    template_problem: str = ""
    checked: bool = False
    """Whether its templates were compiled, and its Secrets looked for."""


class Sources:
    """Follows the sources of a namespace, or of all.

    Args:
        watches: opens watches.
        home: the gateway's own namespace.
        everywhere: whether sources of other namespaces are served, too.
        renderer: compiles templates.
        quota: says which sources are kept. Of the others, only the problem is.
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
        quota: Quota[SourceKey],
    ) -> None:
        namespace = None if everywhere else home
        within = Collection(
            path=collection(RESOURCE, namespace),
            name=f"notificationsources in namespace {namespace}" if namespace else "notificationsources",
            crd=RESOURCE,
        )
        self._watch = watches.open(within, self._declare)
        self._secrets = secrets
        self._tokens = tokens
        self._renderer = renderer
        self.home = home
        self._quota = quota
        self._read: dict[SourceKey, Declared] = {}
        """What was read of sources and is not taken in yet, because the listing goes on."""
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
        present = (each.declared for each in self._entries.values())
        return {str(each.key): each.last_received for each in present if not each.is_excess}

    def exists(self, source: str) -> bool:
        """Return whether there is a source of this namespace/name."""
        namespace, _, name = source.partition("/")
        return SourceKey(namespace, name) in self._entries

    def declared(self, key: SourceKey) -> Declared | None:
        """Return a source as it was seen last; None if it does not exist."""
        entry = self._entries.get(key)
        return entry.declared if entry else None

    def get(self, namespace: str, name: str) -> NotificationSource | None:
        """Return a source that is served."""
        declared = self.declared(SourceKey(namespace, name))
        return declared.source if declared else None

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
        declared = entry.declared
        if declared.source is None:
            reason = ReadyReason.TOO_MANY if declared.is_excess else ReadyReason.SPEC_INVALID
            return Readiness(reason=reason, message=declared.problem)
        return assess(
            declared.source,
            self._secrets.get,
            entry.template_problem,
            path_problem=self._tokens.problem,
        )

    async def run(self, on_change: Callable[[SourceKey], None]) -> None:
        """Follow the sources until cancelled; report each that has changed or is gone, or whose Secrets have changed."""
        self._on_change = on_change
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="sources")
            group.create_task(self._check(), name="source checks")
            group.create_task(self._secrets.run(self._on_secret), name="source secrets")
            group.create_task(self._tokens.run(self._on_path_keys), name="path keys")

    def _declare(self, document: Mapping[str, Any]) -> SourceKey:
        """Note what an object declares, before the next one is read: a listing may have more than there is memory for."""
        metadata = document["metadata"]
        key = SourceKey(intern(metadata["namespace"]), metadata["name"])
        created, size = text(metadata.get("creationTimestamp")), places(document.get("spec"))
        self._reconsider(self._quota.add(key, created=created, places=size))
        self._read[key] = Declared.parse(document, self.declared(key), excess=self._quota.problem(key))
        return key

    def _reconsider(self, keys: Iterable[SourceKey]) -> None:
        """Drop the spec of what is not kept any more; read again what is kept now."""
        for key in keys:
            problem, read, known = self._quota.problem(key), self._read.get(key), self.declared(key)
            if not problem:
                self._watch.expire()
                continue
            if read is not None:
                self._read[key] = read.without_spec(problem)
            if known is not None:
                self._put(known.without_spec(problem))

    async def _follow(self) -> None:
        async with aclosing(self._watch.changes()) as events:  # type: ignore[type-var]  # a generator
            async for event in events:
                # Of a kind that is not installed, the listing is empty: whether a source exists is not known then.
                self._take(event, missing=self._watch.missing)

    def _take(self, event: Event[SourceKey], *, missing: bool) -> None:
        match event:
            case Listed(items):
                for key in frozenset(self._quota.keys) - frozenset(items):
                    self._remove(key, tell=not missing)
                for key in items:
                    self._put_read(key)
                self._listed, self.known = not missing, self.known and not missing
                self._changed.set()
            case Changed(item):
                self._put_read(item)
            case Removed(item):
                self._remove(item)
            case Failed(error):
                self.error = str(error)
                self._read.clear()
                return
        self.error = MISSING if missing else ""

    def _put_read(self, key: SourceKey) -> None:
        declared = self._read.pop(key, None)
        if declared is not None:
            self._put(declared)

    def _put(self, declared: Declared) -> None:
        """Take in a source; if only its status has changed, as with every write of a replica, nothing is read again."""
        before = self._entries.get(declared.key)
        if before is not None and declared.is_same(before.declared):
            before.declared = declared
            return
        keys = _secret_keys(declared.source) if declared.source else frozenset()
        self._entries[declared.key] = _Entry(declared, keys, checked=declared.is_excess)
        self._secrets.use(keys)
        self._secrets.release(before.secrets if before else ())
        self._changed.set()
        if declared.is_excess:
            self._on_change(declared.key)

    def _remove(self, key: SourceKey, *, tell: bool = True) -> None:
        """Forget a source; `tell` reports it."""
        self._read.pop(key, None)
        entry = self._entries.pop(key, None)
        self._reconsider(self._quota.remove(key))
        if entry is not None:
            self._secrets.release(entry.secrets)
        if tell:
            self._on_change(key)

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
        templates = {
            "subject": source.spec.mapping.subject,
            "body": source.spec.mapping.body,
            "dedupKey": source.spec.mapping.dedup_key,
        }
        if not any(templates.values()):
            return ""
        try:
            return await self._renderer.run(source.namespace, check_templates, sources=templates)
        except RenderingError:
            return ""

    def _on_secret(self, key: SecretKey) -> None:
        for each in tuple(self._entries.values()):
            if key in each.secrets:
                self._on_change(each.declared.key)

    def _on_path_keys(self) -> None:
        for key, each in tuple(self._entries.items()):
            if each.declared.source is not None and each.declared.source.spec.auth.path:
                self._on_change(key)


def _used_keys(source: NotificationSource) -> frozenset[SecretKey]:
    return frozenset(SecretKey(source.namespace, use.name) for use in source.spec.auth.secret_uses())


def _secret_keys(source: NotificationSource) -> frozenset[SecretKey]:
    return _used_keys(source) | ({key_of(source)} if source.spec.auth.path else frozenset())
