"""Types of values that several sections of a stack's settings use. Pure."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints

from notification_contract.quantity import PATTERN as _QUANTITY
from notification_contract.settings import Section

__all__ = [
    "AbsolutePath",
    "Cidr",
    "DnsLabel",
    "LabelKey",
    "LabelValue",
    "ObjectName",
    "OptionalObjectName",
    "OptionalQuantity",
    "Port",
    "Quantity",
    "SecretKey",
    "Section",
    "StackName",
    "TimeZone",
    "VariableName",
]

_NAME = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"
_LABEL = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"


def _block(text: str) -> str:
    """Return a CIDR block as it is written.

    Raises:
        ValueError: it is none.
    """
    try:
        ip_network(text)
    except ValueError as error:
        raise ValueError(f"must be a CIDR block such as 10.0.0.0/8 or fd00::/8: {error}") from None
    if "/" not in text:
        raise ValueError(f"must be a CIDR block; for the address alone, use {ip_network(text)}")
    return text


def _time_zone(text: str) -> str:
    """Return the name of a time zone as it is written.

    Raises:
        ValueError: there is no such time zone.
    """
    if text not in available_timezones():
        raise ValueError(
            "must be the name of a time zone in the IANA database, such as Europe/Berlin or Etc/UTC"
        )
    return text


Cidr = Annotated[str, AfterValidator(_block)]
DnsLabel = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
ObjectName = Annotated[str, StringConstraints(pattern=f"^{_NAME}$")]
OptionalObjectName = Annotated[str, StringConstraints(pattern=f"^({_NAME})?$")]
LabelKey = Annotated[str, StringConstraints(pattern=f"^({_NAME}/)?{_LABEL}$")]
LabelValue = Annotated[str, StringConstraints(pattern=f"^({_LABEL})?$")]
Quantity = Annotated[str, StringConstraints(pattern=f"^{_QUANTITY}$")]
OptionalQuantity = Annotated[str, StringConstraints(pattern=f"^({_QUANTITY})?$")]
SecretKey = Annotated[str, StringConstraints(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)]
"""A key of a Secret or of a ConfigMap."""
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[^:]*$")]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
StackName = Annotated[str, StringConstraints(pattern=r"^([\w.-]+/[\w.-]+/[\w.-]+)?$")]
"""A Pulumi stack as `organization/project/stack`, or empty."""
Port = Annotated[int, Field(ge=1, le=65535)]
