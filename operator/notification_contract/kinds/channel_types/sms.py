"""The channel type `sms`. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from notification_contract.kinds.channel_type import (
    AllowedNetworks,
    BaseUrl,
    ChannelType,
    PhoneNumbers,
    TypeBlock,
)
from notification_contract.kinds.rules import exactly_one, filled
from notification_contract.kinds.secrets import CREDENTIALS, SecretName


class UnknownOutcome(StrEnum):
    """The handling of a request without an answer."""

    FAIL = "Fail"
    RETRY = "Retry"


class Sms(TypeBlock):
    """Text messages through Twilio, or a service with the same API. For the type sms."""

    account_sid: Annotated[str, Field(min_length=1, max_length=128)]
    """The SID of the account."""
    auth_secret_ref: Annotated[SecretName, CREDENTIALS]
    """A Secret with the keys username and password."""
    sender: Annotated[str, Field(alias="from", max_length=64)] = ""
    """The phone number or the name of the sender."""
    messaging_service_sid: Annotated[str, Field(max_length=128)] = ""
    """The SID of a messaging service, which chooses the sender."""
    to: PhoneNumbers = ()
    """The phone numbers that get every notification, in international form; at most 20."""
    base_url: BaseUrl = ""
    """The URL of the API. If absent, Twilio's. Only in the operator's namespace."""
    unknown_outcome: UnknownOutcome = UnknownOutcome.FAIL
    """The handling of a request without an answer, which the service may have accepted. Fail: the message counts as not delivered. Retry: it is sent once more, and can arrive twice."""
    allowed_networks: AllowedNetworks = ()

    rules = (exactly_one("sms", filled("sender", name="from"), filled("messaging_service_sid")),)


SMS: Final = ChannelType(
    name="sms",
    title="SMS",
    credential="an API key of Twilio, or of a service with the same API",
    block=Sms,
    address="phone",
    # Each text message costs money and wakes a person, and a long number sends about one per second.
    defaults={"priorities": ["critical", "high"], "rateLimit": {"count": 1, "period": "1s"}},
)
