"""Settings for delivery: limits of an attempt, circuit breakers, redaction and the source of routing rules. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from notification_contract import names
from notification_contract.settings.section import Seconds, Section


class Delivery(Section):
    """Limits of delivery attempts."""

    timeout_seconds: Seconds = 10.0
    """Seconds after which an attempt fails. It can be retried."""
    concurrency_per_channel: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Maximum number of concurrent attempts per channel."""
    in_flight_bytes: Annotated[int, Field(ge=1_048_576, le=4_294_967_296)] = 33_554_432
    """Bytes of notifications that attempts may hold in memory, in equal parts per channel. Further notifications wait and are read again."""
    visible_after_seconds: Annotated[float, Field(ge=0, le=60)] = 0.25
    """Seconds after which a delivery that is still running is shown in phase Sending."""


class Breaker(Section):
    """Circuit breakers, one per channel and destination."""

    failure_threshold: Annotated[int, Field(ge=1, le=10_000)] = 3
    """Notifications that fail in a row and open the breaker, each counted once. Permanent failures do not count. While the receiver fails now and then, more are needed."""
    open_seconds: Seconds = 30.0
    """Maximum time in seconds that the breaker stays open before it lets probes through."""
    initial_open_seconds: Seconds = 1.0
    """Seconds that the breaker stays open at first. They double with each failed probe, up to the maximum."""
    window_seconds: Seconds = 60.0
    """Seconds of the window in which the share of failures is observed, of the latest 50 results at most."""
    probes: Annotated[int, Field(ge=1, le=100)] = 2
    """Number of attempts that a half-open breaker permits as probes. When they have ended, it closes if at least one has succeeded; otherwise it opens again."""


class Redaction(Section):
    """Redaction in addition to secrets, in every text that leaves the operator. Secrets are always redacted."""

    emails: bool = True
    """Whether email addresses are redacted."""
    ip_addresses: bool | Literal["public"] = True
    """Whether IP addresses are redacted. With `public`, addresses of private networks stay, such as addresses of nodes and pods."""


class Routing(Section):
    """The ConfigMap with the rules that select channels for notifications that name none."""

    namespace: str | None = None
    """Namespace of the ConfigMap; by default the namespace of the pod or of the kubeconfig context."""
    config_map: Annotated[str, Field(min_length=1, max_length=253)] = names.ROUTING_CONFIG_MAP
    """Name of the ConfigMap. It does not have to exist."""
    key: Annotated[str, Field(min_length=1, max_length=253)] = names.ROUTING_KEY
    """Key of the ConfigMap that holds the routing document."""
