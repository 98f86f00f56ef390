"""The Secrets that sources refer to, each read by its name: every minute, and when a credential is not known.

A value that has changed or is gone is accepted for another minute, so that a rotation refuses no message. No value is in a log.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections import Counter
from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

import structlog

from notification_contract import names
from notification_contract.kinds.secrets import SECRET_TYPES
from notification_domain.json_values import entries, mapping, text
from notification_runtime.fair.fair_queue import FairSemaphore
from notification_runtime.kube.requests import JSON, KubeError, ResponseTooLargeError, read

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from kubernetes.aio.client import ApiClient

logger = structlog.get_logger(__name__)

REFRESH_SECONDS: Final = 60.0
LAST_GOOD_SECONDS: Final = 60.0
LEAST_SECONDS: Final = 0.02
"""Minimum seconds between two reads of a Secret, however many unknown credentials are sent."""
READ_SECONDS: Final = 5.0
"""Time limit of one read."""
MAX_BYTES: Final = 4 * 1024 * 1024
MAX_VALUES: Final = 4096
"""Characters of all values of a Secret, which is kept as long as a source refers to it (DD-TABLE-001)."""
CONCURRENT: Final = 8
"""Concurrent reads, in turns by namespace."""
DENIED_HINT: Final = (
    "an administrator can add it to gatewaySecrets in the stack, or set gatewayReadAll, for the gateway's namespace; other namespaces "
    "need gatewayTenantSources with watchNamespaces"
)


class SecretKey(NamedTuple):
    """Namespace and name of a Secret."""

    namespace: str
    name: str

    @property
    def path(self) -> str:
        return f"{secrets_path(self.namespace)}/{quote(self.name, safe='')}"


def secrets_path(namespace: str) -> str:
    """Return the path of the Secrets of a namespace."""
    return f"/api/v1/namespaces/{quote(namespace, safe='')}/secrets"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretState:
    """What is known of a Secret."""

    known: bool = False
    """Whether it was looked for, and the API server answered."""
    data: Mapping[str, str] | None = field(default=None, repr=False)
    """Its values, without surrounding white space; None if it is missing or not allowed."""
    objection: str = ""
    """Why sources may not use it although it exists."""
    is_denied: bool = False
    """Whether the gateway may not read it: an administrator mends that, and then the same credentials may be right."""
    owner: str = ""
    """The uid of the object that owns it."""
    before: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The values before the last change."""
    before_until: float = 0.0
    """The time until which those are accepted."""

    def values(self, key: str, now: float) -> tuple[str, ...]:
        """Return the values of a key that are accepted now."""
        present = (self.data or {}).get(key, "")
        earlier = self.before.get(key, "") if now < self.before_until else ""
        return tuple(dict.fromkeys(filter(None, (present, earlier))))

    def next(self, found: SecretState, now: float) -> SecretState:
        """Return the state after a read."""
        has_changed = self.data is not None and found.data != self.data
        return replace(
            found,
            known=True,
            before=(self.data or {}) if has_changed else self.before,
            before_until=now + LAST_GOOD_SECONDS if has_changed else self.before_until,
        )


class SecretValues:
    """Reads Secrets.

    Args:
        seconds: a monotonic clock.
    """

    def __init__(self, client: ApiClient, *, seconds: Callable[[], float]) -> None:
        self._client = client
        self._seconds = seconds
        self._states: dict[SecretKey, SecretState] = {}
        self._uses: Counter[SecretKey] = Counter()
        """How many sources refer to each Secret."""
        self._slots = FairSemaphore(CONCURRENT)
        self._tried: dict[SecretKey, float] = {}
        """When the last read of each Secret began."""
        self.latest_seconds = 0.0
        """How long the latest read of any Secret took."""
        self._next: dict[SecretKey, asyncio.Task[bool]] = {}
        """The reads that have not begun, each for all who ask before it begins."""
        self._on_change: Callable[[SecretKey], None] = lambda _key: None
        self._running: dict[SecretKey, asyncio.Task[bool]] = {}

    def get(self, key: SecretKey) -> SecretState:
        return self._states.get(key, SecretState())

    def values(self, key: SecretKey, name: str) -> tuple[str, ...]:
        """Return the values of a key of a Secret that are accepted now."""
        return self.get(key).values(name, self._seconds())

    def use(self, keys: Iterable[SecretKey]) -> None:
        """Keep these Secrets until they are released as often."""
        self._uses.update(keys)

    def release(self, keys: Iterable[SecretKey]) -> None:
        """Forget those of these Secrets that no source refers to any more."""
        for key in keys:
            self._uses[key] -= 1
            if not self._uses[key]:
                for place in (self._uses, self._states, self._tried):
                    place.pop(key, None)

    async def refresh(self, keys: Collection[SecretKey]) -> bool:
        """Read Secrets; return whether the API server has answered for each. A failure leaves what is known.

        A read that is running may be too old for who asks now, so another one follows.
        """
        for key in keys:
            if key not in self._next:
                self._next[key] = asyncio.create_task(self._read_next(key))
        reads = [asyncio.shield(self._next[key]) for key in keys]
        return all(await asyncio.gather(*reads))

    async def _read_next(self, key: SecretKey) -> bool:
        if running := self._running.get(key):
            await asyncio.wait((running,))
        await asyncio.sleep(self._tried.get(key, -inf) + LEAST_SECONDS - self._seconds())
        self._running[key] = self._next.pop(key)
        began = self._tried[key] = self._seconds()
        try:
            return await self._read(key)
        finally:
            del self._running[key]
            if key not in self._uses:
                del self._tried[key]
            self.latest_seconds = self._seconds() - began

    async def run(self, on_change: Callable[[SecretKey], None]) -> None:
        """Read the wanted Secrets again and again until cancelled; report each that a read has changed, also one that a message asked for."""
        self._on_change = on_change
        while True:
            await asyncio.sleep(REFRESH_SECONDS / 4)
            begun_before = self._seconds() - REFRESH_SECONDS * 3 / 4
            await self.refresh([key for key in self._uses if self._tried.get(key, -inf) <= begun_before])

    async def _read(self, key: SecretKey) -> bool:
        """Read a Secret; return whether the API server has answered."""
        try:
            async with self._slots.slot(key.namespace):
                document, _ = await read(
                    self._client, key.path, query={}, accept=JSON, seconds=READ_SECONDS, max_bytes=MAX_BYTES
                )
            found = _state(document)
        except KubeError as error:
            if not (error.not_found or error.denied):
                logger.warning(
                    "Secret not read; keeping what is known", secret="/".join(key), error=str(error)
                )
                return False
            objection = f"the gateway may not read it: {error}; {DENIED_HINT}" if error.denied else ""
            found = SecretState(objection=objection, is_denied=error.denied)
        except ResponseTooLargeError:
            found = SecretState(objection="it is too large")
        except Exception:
            # A response of another shape, such as a proxy's.
            logger.exception("Secret not read; keeping what is known", secret="/".join(key))
            return False
        if key in self._uses:
            self._put(key, found)
        return True

    def _put(self, key: SecretKey, found: SecretState) -> None:
        earlier = self.get(key)
        state = self._states[key] = earlier.next(found, self._seconds())
        if (earlier.known, earlier.data, earlier.objection) != (state.known, state.data, state.objection):
            self._on_change(key)


def _state(document: Mapping[str, Any]) -> SecretState:
    metadata = mapping(document.get("metadata"))
    if mapping(metadata.get("labels")).get(names.SOURCES_SECRET_LABEL) != "true":
        return SecretState(objection=f'it lacks the label {names.SOURCES_SECRET_LABEL}: "true"')
    if document.get("type") not in SECRET_TYPES:
        return SecretState(objection=f"its type is none of {', '.join(SECRET_TYPES)}")
    owners = [text(mapping(each).get("uid")) for each in entries(metadata.get("ownerReferences"))]
    data = {name: _decoded(value) for name, value in mapping(document.get("data")).items()}
    size = sum(map(len, data.values()))
    if size > MAX_VALUES:
        return SecretState(
            objection=f"its values have {size} characters, more than {MAX_VALUES}; create a Secret that holds only credentials of sources"
        )
    return SecretState(data=data, owner=next(iter(owners), ""))


def _decoded(value: object) -> str:
    """Return a value as text; empty if it is none."""
    try:
        return b64decode(text(value)).decode().strip()
    except ValueError:
        return ""
