"""Settings of the gateway, which has a separate configuration file (DD-GATEWAY-001). Pure."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated

from pydantic import Field, field_validator

from notification_contract import bounds, names
from notification_contract.kinds.channel_type import Network  # noqa: TC001 - pydantic reads annotations at run time
from notification_contract.settings.receivers import HostName  # noqa: TC001 - as above
from notification_contract.settings.section import Port, Rule, Seconds, Section
from notification_contract.settings.telemetry import Log, Server
from notification_contract.sources.authentication import AUDIENCE

Audience = Annotated[str, Field(pattern=r"^\S+$", max_length=1024)]


class GatewayOidc(Section):
    """The OpenID Connect provider of callers outside the cluster, for notifications that they create themselves."""

    issuer: Annotated[str, Field(pattern=r"^(https://[^\s?#]+)?$", max_length=2048)] = ""
    """URL of the OpenID Connect provider of callers outside the cluster, exactly as the claim iss of its tokens; empty for none."""
    audience: Annotated[str, Field(pattern=r"^\S*$", max_length=1024)] = ""
    """Audience that a token of the OpenID Connect provider must have."""
    username_prefix: Annotated[str, Field(pattern=r"^[^\s:]*:?$", max_length=253)] = "oidc:"
    """Prefix of the names of users of the OpenID Connect provider; the claim sub follows. The permissions of the user with this name decide."""
    ca_file: Annotated[str, Field(max_length=1024)] = ""
    """File with the certificate authorities of the provider in PEM; empty for the authorities of the image."""

    rules = (
        Rule(
            settings=("issuer", "audience"),
            is_broken=lambda oidc: bool(oidc.issuer) != bool(oidc.audience),
            problem="and {1} are not set together",
            hint="set both, or none",
        ),
        Rule(
            settings=("username_prefix", "issuer"),
            is_broken=lambda oidc: oidc.issuer and (oidc.username_prefix or "system:") == "system:",
            problem="does not tell users of the provider from those of the cluster",
            hint="set a prefix such as oidc:",
        ),
    )


class Admitted(Section):
    """The limits that the admission policies of the cluster set. A message of a source that exceeds a limit is cut, with a note."""

    body_characters: Annotated[int, Field(ge=1, le=bounds.BODY)] = bounds.BODY
    """Maximum length of `spec.body` in characters."""
    metadata_entries: Annotated[int, Field(ge=0, le=bounds.METADATA_ENTRIES)] = bounds.METADATA_ENTRIES
    """Maximum number of entries of `spec.metadata`."""
    metadata_characters: Annotated[int, Field(ge=0, le=bounds.METADATA_VALUE)] = bounds.METADATA_VALUE
    """Maximum length of a value of `spec.metadata` in characters."""
    action_links: Annotated[int, Field(ge=0, le=bounds.ACTION_LINKS)] = bounds.ACTION_LINKS
    """Maximum number of `spec.actionLinks`."""
    link_schemes: tuple[str, ...] = ("https",)
    """Schemes that the URLs of `spec.actionLinks` can have, in lower case. A link with another one is left out."""


class Gateway(Section):
    """The HTTP server for messages."""

    host: str = "::"
    """Address to listen on. `::` accepts IPv6 and IPv4 connections to all addresses."""
    port: Port = names.GATEWAY_PORT
    """Port for messages; 0 selects a free port."""
    tls_directory: Annotated[str, Field(max_length=1024)] = ""
    """Directory with the certificate `tls.crt` and its key `tls.key`, which are read again when they change. The port for messages then accepts TLS only; empty for plain HTTP."""
    audience: Audience = AUDIENCE
    """Audience that the token of a ServiceAccount must have to create notifications through the gateway. A token with a further audience is refused."""
    tenant_sources: bool = False
    """Whether NotificationSources outside the gateway's namespace are served."""
    max_sources_per_namespace: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Maximum number of NotificationSources of a namespace that are served: the oldest. A source with long texts, such as a template, counts once more for each 8 KiB. The others get the condition Ready=False, TooMany, and their Secrets are not read."""
    max_sources: Annotated[int, Field(ge=1, le=100_000)] = 2000
    """Maximum number of NotificationSources of all namespaces that are served: first those in the gateway's namespace. Among the others, the namespace with the most gives way."""
    namespace_messages_per_second: Annotated[int, Field(ge=1, le=100_000)] = 100
    """Maximum number of messages per second that the sources of a namespace may send, whatever their `spec.rateLimit` is. Each notification of a batch counts. Each replica of the gateway accepts its share; further messages get 429, or 503 for the type alertmanager."""
    messages_per_second: Annotated[int, Field(ge=1, le=100_000)] = 500
    """Maximum number of messages per second that the sources of all namespaces may send. Namespaces that send at the same time have equal parts."""
    path_keys_directory: Annotated[str, Field(min_length=1, max_length=1024)] = names.PATH_KEYS_DIRECTORY
    """Directory with the files `key` and `previous`, from which the secret parts of URLs are computed. A change takes effect within 10 seconds."""
    routing_directory: Annotated[str, Field(min_length=1, max_length=1024)] = names.ROUTING_DIRECTORY
    """Directory with the file `routing.yaml`: the routing rules of the operator, by which the gateway says whether only the operator's log gets a message. A change takes effect within 10 seconds."""
    allowed_networks: tuple[str, ...] = ()
    """Private networks in which OpenID Connect providers may be, such as `10.20.0.0/16`: the provider of the settings, and the providers of sources in the gateway's namespace."""
    denied_networks: tuple[Network, ...] = ()
    """Networks in which no OpenID Connect provider may be, whatever `gateway.allowed_networks` contains; a stack sets `receivers.denied_networks`."""
    allowed_hosts: tuple[HostName, ...] = ()
    """Hosts that the gateway may ask for the keys of OpenID Connect providers, each with the names below it; empty for all. A stack sets `receivers.allowed_hosts`."""
    oidc: GatewayOidc = GatewayOidc()
    """The OpenID Connect provider of callers outside the cluster."""
    admitted: Admitted = Admitted()
    """The limits that the admission policies of the cluster set."""
    lease_seconds: Annotated[int, Field(ge=3, le=300)] = 15
    """Seconds after which a replica of the gateway counts as gone that does not renew its Lease."""
    status_interval_seconds: Seconds = 30.0
    """Minimum time in seconds between two writes of the status of a NotificationSource by one replica of the gateway."""
    grace_seconds: Seconds = 20.0
    """Maximum duration of a shutdown of the gateway in seconds: messages that are being stored are finished and answered."""

    @field_validator("allowed_networks")
    @classmethod
    def _check_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for each in networks:
            ip_network(each)
        return networks


class GatewaySettings(Section):
    """All settings of the gateway."""

    gateway: Gateway = Gateway()
    server: Server = Server()
    log: Log = Log()
