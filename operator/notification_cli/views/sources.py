"""A NotificationSource for people: who may send, where to, and what came in. Pure.

Sources of any version can be shown: nothing that is missing is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from notification_cli.views.receivers import UNREPORTED
from notification_cli.views.text import clean
from notification_contract.durations import seconds
from notification_contract.kinds.choices import ConditionStatus
from notification_domain.conditions import parse_conditions
from notification_domain.json_values import entries, integer, later, mapping, moment, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from notification_domain.conditions import Condition

READY: Final = "Ready"
ROUTED: Final = "Routed"
HEARTBEAT: Final = "heartbeat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What came in: at one replica of the gateway, or in all."""

    received: int
    created: int
    duplicates: int
    filtered: int
    rejected: int
    last_received: datetime | None

    @classmethod
    def parse(cls, status: Mapping[str, Any]) -> Received:
        def count(name: str) -> int:
            return integer(status.get(name)) or 0

        return cls(
            received=count("received"),
            created=count("created"),
            duplicates=count("duplicates"),
            filtered=count("filtered"),
            rejected=count("rejected"),
            last_received=moment(status.get("lastReceivedTime")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """One source; `spec` is as the API server holds it."""

    namespace: str
    name: str
    uid: str
    type: str
    spec: Mapping[str, Any]
    conditions: Sequence[Condition]
    received: Received
    last_beat: datetime | None
    replicas: Sequence[Mapping[str, Any]]

    @property
    def ready(self) -> Condition:
        return next((each for each in self.conditions if each.type == READY), UNREPORTED)

    @property
    def is_only_logged(self) -> bool:
        """Whether the gateway says that only the operator's log gets the messages."""
        return any(each.type == ROUTED and each.status is ConditionStatus.FALSE for each in self.conditions)

    @property
    def is_heartbeat(self) -> bool:
        return self.type == HEARTBEAT

    @property
    def has_path_token(self) -> bool:
        return mapping(self.spec.get("auth")).get("path") is True

    @property
    def authentication(self) -> Iterator[str]:
        """Yield the credentials that the source accepts, in words and without values."""
        auth = mapping(self.spec.get("auth"))
        for kind in ("bearer", "basic"):
            if used := _secrets(auth, f"{kind}SecretRef"):
                yield f"{kind} (Secret {', '.join(used)})"
        if hmac := mapping(auth.get("hmac")):
            scheme = text(hmac.get("scheme")) or "sha256-hex"
            yield f"hmac {scheme} (Secret {', '.join(_secrets(hmac, 'secretRef'))})"
        if kubernetes := mapping(auth.get("kubernetes")):
            yield f"kubernetes (audience {text(kubernetes.get('audience'))})"
        if oidc := mapping(auth.get("oidc")):
            yield f"oidc ({text(oidc.get('issuer'))}, subject {text(oidc.get('subjectPattern'))})"
        if self.has_path_token:
            yield f"path (`notif source url {clean(self.name)}` prints the URL)"

    def url_path(self, home: str) -> str:
        """Return the path to send to, without the secret part of it; `home` is the namespace of the gateway."""
        place = (self.name,) if self.namespace == home else (self.namespace, self.name)
        return "/".join(("/hook", *place, *(("<token>",) if self.has_path_token else ())))

    @property
    def destinations(self) -> str:
        refs = [mapping(each) for each in entries(self.spec.get("receiverRefs"))]
        names_of = (
            "/".join(filter(None, (text(ref.get("namespace")), text(ref.get("name"))))) for ref in refs
        )
        return f"receivers {', '.join(names_of)}" if refs else "what the routing rules choose"

    @property
    def rate(self) -> str:
        """How many messages the gateway accepts, in words; empty if that is not said."""
        limit = mapping(self.spec.get("rateLimit"))
        return f"{limit.get('count')} messages in {limit.get('period')}" if limit else ""

    @property
    def beats(self) -> str:
        """How often it has to beat, in words."""
        heartbeat = mapping(self.spec.get(HEARTBEAT))
        return f"every {text(heartbeat.get('every'))}, at most {text(heartbeat.get('grace'))} late"

    @property
    def next_beat(self) -> tuple[datetime, datetime] | None:
        """When the next beat is due, and when it counts as missed; None before the first one."""
        heartbeat = mapping(self.spec.get(HEARTBEAT))
        if self.last_beat is None:
            return None
        try:
            due = later(self.last_beat, seconds(text(heartbeat.get("every"))))
            return due, later(due, seconds(text(heartbeat.get("grace"))))
        except ValueError:
            return None


def source_view(obj: Mapping[str, Any]) -> SourceView:
    meta, spec, status = mapping(obj.get("metadata")), mapping(obj.get("spec")), mapping(obj.get("status"))
    return SourceView(
        namespace=text(meta.get("namespace")),
        name=text(meta.get("name")),
        uid=text(meta.get("uid")),
        type=text(spec.get("type")),
        spec=spec,
        conditions=parse_conditions(status.get("conditions")),
        received=Received.parse(status),
        last_beat=moment(status.get("lastBeatTime")),
        replicas=[mapping(each) for each in entries(status.get("replicas"))],
    )


def _secrets(holder: Mapping[str, Any], field: str) -> list[str]:
    """Return the names of the Secrets of a singular field and of its list for rotation."""
    refs = [mapping(holder.get(field)), *map(mapping, entries(holder.get(f"{field}s")))]
    return [clean(name) for ref in refs if (name := text(ref.get("name")))]
