"""Stores notifications: each one once, by its name, on any replica."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from notification_contract import names
from notification_contract.kinds.choices import LifecycleEvent
from notification_domain.incident import incident_selector
from notification_domain.json_values import EARLIEST_TIME, format_time, mapping, moment, text
from notification_domain.mapping.translation import BODY_ANNOTATION, FIRES_SINCE_ANNOTATION
from notification_gateway.errors import Conflict, Limited, NoNamespace, Refused, Unavailable
from notification_runtime.kube.objects import RESOURCE, KubeObjects, collection
from notification_runtime.kube.requests import KubeError, call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    from kubernetes.aio.client import ApiClient

    from notification_domain.mapping.translation import Notification

LATER: Final = "the API server cannot store or show the notification now"
"""What a sender is told. The words of the API server, which can contain addresses, are for the log."""
SECONDS: Final = 10.0
"""Time limit of one request."""
TRIES: Final = 3
"""Attempts to create an object whose name is taken but which does not exist: it was just deleted, or a quota is being counted."""
CONCURRENT: Final = 8
"""Objects of a batch that are created concurrently."""
ADMISSION: Final = ("admission webhook", "ValidatingAdmissionPolicy")
"""Parts of the message of a 403 if a policy has refused the object; any other 403 is a permission or a quota."""
NO_DRY_RUN: Final = "does not support dry run"
"""Part of the message if an admission webhook has side effects: then only the creation itself shows whether it accepts an object."""
QUOTA: Final = "exceeded quota"
PERMANENT: Final = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A notification that is there."""

    name: str
    uid: str
    is_new: bool
    """Whether this call created it."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class IncidentEvent:
    """A Trigger or a Resolve of an incident; the youngest one is the greatest."""

    created: str
    """As the API server writes it, in UTC: these texts are ordered like the times."""
    uid: str

    def follows(self, trigger: Mapping[str, Any]) -> bool:
        """Return whether a Resolve comes after a Trigger: also within a second, which is the precision of both times (DD-INCIDENT-001)."""
        return self.created >= _created(trigger)


class RequestStore:
    """Reads and creates NotificationRequests."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._objects = KubeObjects(client, RESOURCE)

    async def get(self, namespace: str, name: str) -> dict[str, Any] | None:
        """Return an object; None if it does not exist.

        Raises:
            Unavailable: there is no answer.
        """
        path = f"{collection(RESOURCE, quote(namespace, safe=''))}/{quote(name, safe='')}"
        try:
            return await call(self._client, "GET", path, seconds=SECONDS)
        except KubeError as error:
            if error.not_found:
                return None
            raise Unavailable(LATER) from error

    async def earlier(self, namespace: str, wanted: Notification, *, now: datetime) -> Stored | Notification:
        """Return the same notification under a name of the period before, if it is recent enough to be the same; else what to create.

        Raises:
            Unavailable: there is no answer.
        """
        if wanted.previous_name is None or wanted.previous_within is None:
            return wanted
        resolved = await self.last_resolve(namespace, wanted)
        # `create` need not look for a Resolve once more.
        again = wanted.after(resolved.uid) if resolved else replace(wanted, fires_since=None)
        for name in filter(None, dict.fromkeys((wanted.previous_name, again.previous_name))):
            found = await self.get(namespace, name)
            if found is None or not is_same(found, wanted):
                continue
            counts = not resolved or name == again.previous_name or not resolved.follows(found)
            if counts and _age(found, now) < wanted.previous_within:
                return _stored(found)
        return again

    async def last_resolve(self, namespace: str, wanted: Notification) -> IncidentEvent | None:
        """Return the youngest Resolve of the incident since the alerts fire; None if there is none.

        An older one is that of earlier alerts. It may not change names: retention deletes it some day.

        Raises:
            Unavailable: there is no answer.
        """
        return await self._youngest(
            namespace, wanted, LifecycleEvent.RESOLVE, lambda each, since: _created(each) >= since
        )

    async def last_trigger(self, namespace: str, wanted: Notification) -> IncidentEvent | None:
        """Return the youngest Trigger of alerts that do not fire since later; None if there is none.

        Raises:
            Unavailable: there is no answer.
        """
        return await self._youngest(
            namespace, wanted, LifecycleEvent.TRIGGER, lambda each, since: "" < _fires_since(each) <= since
        )

    async def _youngest(
        self,
        namespace: str,
        wanted: Notification,
        event: LifecycleEvent,
        counts: Callable[[Mapping[str, Any], str], bool],
    ) -> IncidentEvent | None:
        if wanted.fires_since is None:
            return None
        since = format_time(wanted.fires_since)
        selector = f"{incident_selector(wanted.spec['dedupKey'])},spec.event={event}"
        found: list[IncidentEvent] = []
        try:
            async for page in self._objects.rows(namespace, selector=selector):
                found += [
                    IncidentEvent(created=_created(each), uid=_stored(each).uid)
                    for each in page
                    if is_same(each, wanted) and counts(each, since)
                ]
        except KubeError as error:
            raise Unavailable(LATER) from error
        return max(found, default=None)

    async def create(self, namespace: str, wanted: Notification, *, dry_run: bool = False) -> Stored:
        """Create a notification, unless it is there.

        Raises:
            Conflict: another one has its name.
            Refused: the API server refuses its content.
            Unavailable: it may be stored later, or is stored without an answer: then a repeat finds it.
        """
        query = {"fieldManager": names.GATEWAY, **({"dryRun": "All"} if dry_run else {})}
        path, problem = collection(RESOURCE, quote(namespace, safe="")), None
        for _ in range(TRIES):
            try:
                document = await call(
                    self._client,
                    "POST",
                    path,
                    query=query,
                    body=_document(namespace, wanted),
                    seconds=SECONDS,
                )
            except KubeError as error:
                if dry_run and NO_DRY_RUN in error.reason:
                    return Stored(name=wanted.name, uid="", is_new=True)
                if not error.conflict:
                    raise _failure(error) from error
                problem = error
            else:
                return _stored(document, is_new=True)
            found = await self.get(namespace, wanted.name)
            if found is not None:
                if not is_same(found, wanted):
                    raise Conflict(f"{wanted.name} was created with another content")
                since = await self._event_since(namespace, wanted, found)
                if since is None:
                    return _stored(found)
                return await self.create(namespace, wanted.after(since.uid), dry_run=dry_run)
        raise Unavailable(LATER) from problem

    async def _event_since(
        self, namespace: str, wanted: Notification, found: Mapping[str, Any]
    ) -> IncidentEvent | None:
        """Return the event that makes a notification of a taken name another one than was found; None for a repeat.

        For a Trigger, that is a Resolve. For a Resolve, it is a Trigger that arrived late and opened the incident again.

        Raises:
            Unavailable: there is no answer.
        """
        if wanted.spec.get("event") != LifecycleEvent.RESOLVE:
            resolved = await self.last_resolve(namespace, wanted)
            return resolved if resolved and resolved.follows(found) else None
        opened = await self.last_trigger(namespace, wanted)
        if opened is None or opened.created <= _created(found):
            return None
        resolved = await self.last_resolve(namespace, wanted)
        return None if resolved and resolved.created >= opened.created else opened

    async def create_all(
        self,
        namespace: str,
        wanted: Sequence[Notification],
        complete: Callable[[Notification], Awaitable[Notification]],
        *,
        now: datetime,
    ) -> list[Stored]:
        """Create some notifications, all or none: what the API server refuses is found out before the first one is created.

        Args:
            namespace: where.
            wanted: the notifications.
            complete: gives a notification its texts; called for those that are not there under an earlier name.
            now: the present time.

        Raises:
            Conflict, Refused: nothing was created.
            Unavailable: some may have been created; a repeat creates the rest.
        """
        slots = asyncio.Semaphore(CONCURRENT)

        async def prepared(each: Notification) -> Stored | Notification:
            async with slots:
                found = await self.earlier(namespace, each, now=now)
                if isinstance(found, Stored):
                    return found
                whole = await complete(found)
                if len(wanted) > 1:
                    await self.create(namespace, whole, dry_run=True)
                return whole

        async def stored(each: Stored | Notification) -> Stored:
            if isinstance(each, Stored):
                return each
            async with slots:
                return await self.create(namespace, each)

        parts = await _gathered(map(prepared, _distinct(wanted)))
        return await _gathered(map(stored, parts))


async def _gathered(work: Any) -> list[Any]:  # noqa: ANN401 - coroutines with results of one type
    """Return the results; the first failure, after all have ended."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for each in results:
        if isinstance(each, BaseException):
            raise each
    return results


def _distinct(wanted: Sequence[Notification]) -> Sequence[Notification]:
    """Return each notification once, by its name."""
    return tuple({each.name: each for each in reversed(wanted)}.values())[::-1]


def is_same(found: Mapping[str, Any], wanted: Notification) -> bool:
    """Return whether an object is what a notification would become: of the same source, and of the same body if the sender chose its key."""
    metadata = mapping(found.get("metadata"))
    labels, annotations = mapping(metadata.get("labels")), mapping(metadata.get("annotations"))
    return labels.get(names.SOURCE_LABEL) == wanted.labels.get(names.SOURCE_LABEL) and annotations.get(
        BODY_ANNOTATION
    ) == wanted.annotations.get(BODY_ANNOTATION)


def _document(namespace: str, wanted: Notification) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {
            "namespace": namespace,
            "name": wanted.name,
            "labels": wanted.labels,
            "annotations": wanted.annotations,
        },
        "spec": wanted.spec,
    }


def _created(document: Mapping[str, Any]) -> str:
    return text(mapping(document.get("metadata")).get("creationTimestamp"))


def _fires_since(document: Mapping[str, Any]) -> str:
    annotations = mapping(mapping(document.get("metadata")).get("annotations"))
    return text(annotations.get(FIRES_SINCE_ANNOTATION))


def _age(document: Mapping[str, Any], now: datetime) -> timedelta:
    return now - (moment(_created(document)) or EARLIEST_TIME)


def _stored(document: Mapping[str, Any], *, is_new: bool = False) -> Stored:
    metadata = mapping(document.get("metadata"))
    return Stored(name=text(metadata.get("name")), uid=text(metadata.get("uid")), is_new=is_new)


def _failure(error: KubeError) -> Exception:
    """Return what a refusal means for the sender: an administrator mends permissions and quotas, the sender its content."""
    by_policy = error.status == HTTPStatus.FORBIDDEN and any(each in error.reason for each in ADMISSION)
    if error.status in PERMANENT or by_policy:
        return Refused(error.reason, error.causes)
    if error.status == HTTPStatus.FORBIDDEN and QUOTA in error.reason:
        return Limited("a quota of the namespace is exceeded")
    if error.not_found and error.reason.startswith("namespaces "):
        return NoNamespace("the namespace does not exist")
    return Unavailable(LATER)
