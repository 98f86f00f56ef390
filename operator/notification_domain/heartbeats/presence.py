"""Whether the gateway was there to hear, by its Leases (DD-GATEWAY-001). Pure.

The times in the Leases are those of the gateway's clock, as the times of beats are: they are compared with each other and
never with the clock of this process.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Final, Self

from notification_contract import names
from notification_domain.json_values import integer, mapping, moment, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

FRESH_SECONDS: Final = 4.0
"""A replica that has not renewed its Lease for longer, by two renewals, is not asked what it has heard."""
JUMP_SECONDS: Final = 10.0
"""The time of the replicas moves on by at most so much more than that of this process, unless a clock was set: one replica may
be waited for in vain for `FRESH_SECONDS`."""
LEASE_SECONDS: Final = 15
"""The duration of a Lease that names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """The latest renewal of the Lease of a replica."""

    name: str
    """The name of the Lease."""
    version: str
    renewed: datetime
    since: datetime
    """Since when at least one replica has been there without a break, as far as this one knows."""
    seconds: int
    """Seconds after which a silent replica counts as gone."""

    @classmethod
    def parse(cls, lease: Mapping[str, Any]) -> Self | None:
        """Return the renewal; None for a Lease that is not one of the gateway."""
        metadata, spec = mapping(lease.get("metadata")), mapping(lease.get("spec"))
        renewed = moment(spec.get("renewTime"))
        if (
            renewed is None
            or not names.GATEWAY_PRESENCE_LABELS.items() <= mapping(metadata.get("labels")).items()
        ):
            return None
        said = mapping(metadata.get("annotations")).get(names.PRESENT_SINCE_ANNOTATION)
        return cls(
            name=text(metadata.get("name")),
            version=text(metadata.get("resourceVersion")),
            renewed=renewed,
            since=moment(said) or renewed,
            seconds=integer(spec.get("leaseDurationSeconds")) or LEASE_SECONDS,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """The gateway as it is there now."""

    since: datetime
    """Since when at least one replica has been there without a break."""
    until: datetime
    """Every replica that is there has been there at this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A time in which no replica renewed its Lease. Times are monotonic seconds of this process."""

    since: datetime
    """Since when the gateway had been there before, which identifies the silence."""
    began: float
    """When it began; when it was noticed, if that was before this process."""
    seconds: float
    promised: int
    """Seconds for which a Lease is valid without a renewal."""


@dataclass(frozen=True, slots=True)
class _Seen:
    renewal: Renewal
    at: float
    """When this renewal was first seen."""


class PresenceLog:
    """The Leases of the gateway as one process has seen them. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] | None = None
        """By the names of the Leases; None before the first listing."""
        self._former: Sequence[Renewal] = ()
        """The Leases of the first listing, until the gateway is there."""
        self._renewed_at = -inf
        """When a renewal was last seen."""
        self._promised = LEASE_SECONDS
        self._since: datetime | None = None
        """Since when the gateway has been there, or had been before it went away."""
        self._ahead = inf
        """How far the gateway's clock was ahead of the time of this process, in seconds."""
        self._clock_set: datetime | None = None
        """The time to which the gateway's clock was set."""
        self.presence: Presence | None = None
        """None while no replica is there."""
        self.silence: Silence | None = None
        """The silence that lasts, or else the latest one; None before the first one."""

    def observe(self, leases: Iterable[Mapping[str, Any]], now: float) -> None:
        """Take in a listing of the Leases."""
        found = [each for each in map(Renewal.parse, leases) if each is not None]
        before = self._seen
        if before is None:
            self._former = found
        # Whether a replica of the first listing is there shows its next renewal.
        new = -inf if before is None else now
        self._seen = {
            each.name: seen
            if (seen := (before or {}).get(each.name)) and seen.renewal == each
            else _Seen(each, new)
            for each in found
        }
        renewed = [each.renewal for each in self._seen.values() if each.at == now]
        fresh = [each.renewal for each in self._seen.values() if now - each.at <= FRESH_SECONDS]
        since = min((each.since for each in fresh), default=None)
        if self._since is not None and (since is None or since > self._since):
            self.silence = Silence(
                since=self._since,
                began=self._renewed_at,
                seconds=now - self._renewed_at,
                promised=self._promised,
            )
        if renewed:
            self._renewed_at, self._promised = now, max(each.seconds for each in renewed)
        if self._since is None and since is not None:
            self.silence, self._former = self._silence_before(since, now), ()
        self._since = since or self._since
        self.presence = None if since is None else self._presence_of(fresh, since, now)

    def _silence_before(self, since: datetime, now: float) -> Silence | None:
        """Return the silence in which this process began, by the last renewal of a replica that was gone; None if there is none."""
        last = max(
            (each for each in self._former if each.renewed < since),
            key=lambda each: each.renewed,
            default=None,
        )
        if last is None:
            return None
        seconds = (since - last.renewed).total_seconds()
        return Silence(since=last.since, began=now, seconds=seconds, promised=last.seconds)

    def _presence_of(self, fresh: Sequence[Renewal], since: datetime, now: float) -> Presence:
        """Return the presence, which begins again when the clock was set forward: a beat from before would seem too old."""
        until = min(each.renewed for each in fresh)
        ahead = until.timestamp() - now
        if ahead - self._ahead > JUMP_SECONDS:
            self._clock_set = until
        self._ahead = ahead
        return Presence(since=max(since, self._clock_set or since), until=until)
