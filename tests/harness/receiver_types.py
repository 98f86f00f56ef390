"""The types of receivers, as tests use them: the block that leads to an account, its Secret, and the service's failures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import parse_qs

from tests.harness.counterparts import HOST, MAIL_PORTS
from tests.harness.sink.services import discord, mattermost, pagerduty, slack, twilio

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.harness.counterparts import Account
    from tests.harness.sink.services.service import Answered

Object: TypeAlias = dict[str, Any]
Outcome: TypeAlias = Literal["refused", "trouble", "accepted"]

NETWORKS = ["10.0.0.0/8"]
"""Has the pods and Services of the node."""
ACCOUNT_SID = "AC0123456789abcdef0123456789abcdef"
PHONE = "+15550100"
WORKFLOW = "workflows/abc/triggers/manual/paths/invoke"
TROUBLE: Object = {"code": 503, "body": "try later"}
GOOD, NO_SUCH_USER, LATER = "250 OK", "550 no such user", "451 try later"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One message that reached a service, accepted or not."""

    at: float
    text: str
    """Everything that a reader sees."""
    handle: str
    """By which the service recognizes a repeat; where it has none, the nearest that there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverType:
    """One type of receiver. `block` and `secret` are functions of the account."""

    type: str
    block: Callable[[Account, str], Object]
    """Of the account and the name of the Secret."""
    secret: Callable[[Account, str], dict[str, str]]
    """Of the account and the credential."""
    refusal: Object | Answered
    """The answer to a message that the service does not accept."""
    handle: Callable[[Object], str]
    """Of a hit."""
    spec: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the spec, instead of the defaults of the type."""

    @property
    def people(self) -> bool:
        """Whether there is one target per recipient."""
        return self.type in {"email", "sms"}

    def script(self, account: Account, *outcomes: Outcome) -> None:
        """Set what becomes of the next messages; the last outcome repeats."""
        if self.type == "email":
            # Trouble comes after the mail, so that a repeat can be compared with what was sent before.
            account.reply("RCPT", *(NO_SUCH_USER if each == "refused" else GOOD for each in outcomes))
            sent = [LATER if each == "trouble" else GOOD for each in outcomes if each != "refused"]
            account.reply("DATA", *sent)
            return
        answers: dict[Outcome, Object | Answered] = {
            "refused": self.refusal,
            "trouble": TROUBLE,
            "accepted": {},
        }
        account.answer(*(answers[outcome] for outcome in outcomes))

    def arrivals(self, account: Account) -> list[Arrival]:
        """Return the messages that reached the account, oldest first; of mails also those that were refused."""
        if self.type == "email":
            return [_mail(mail) for mail in account.mails()]
        return [
            Arrival(at=hit["at"], text=_text(hit), handle=self.handle(hit))
            for hit in account.hits()
            if hit["kind"] in KINDS[self.type]
        ]


KINDS = {
    kind: (kind,) for kind in ("webhook", "pagerduty", "teams", "sms", "discord", "mattermost", "email")
} | {"slack": ("slack", "slack-webhook")}


def _mail(mail: Object) -> Arrival:
    headers = mail["headers"]
    text = f"{headers.get('Subject', '')}\n{mail['text']}"
    return Arrival(at=mail["at"], text=text, handle=headers.get("Message-ID", ""))


def _text(hit: Object) -> str:
    if hit["kind"] == "sms":
        return form(hit)["Body"]
    return "\n".join(_texts(hit["json"]))


def form(hit: Object) -> dict[str, str]:
    """Return the fields of a request that is a form."""
    return {key: values[0] for key, values in parse_qs(hit["body"]).items()}


def _texts(value: object) -> list[str]:
    """Return every text in a JSON value, in order."""
    match value:
        case str():
            return [value]
        case dict():
            return [text for part in value.values() for text in _texts(part)]
        case list():
            return [text for part in value for text in _texts(part)]
    return []


def _header(name: str) -> Callable[[Object], str]:
    return lambda hit: next((value for key, value in hit["headers"].items() if key.lower() == name), "")


def _url_secret(path: str) -> Callable[[Account, str], dict[str, str]]:
    return lambda account, credential: {"url": f"{account.url}/{path.format(credential)}"}


def _url_block(account: Account, secret: str) -> Object:
    del account
    return {"urlSecretRef": {"name": secret}, "allowedNetworks": NETWORKS}


def mail_block(account: Account, secret: str, security: str = "StartTLS") -> Object:
    """Return the block of a mail server; without the name of a Secret, the password is left out."""
    block: Object = {
        "host": HOST,
        "port": MAIL_PORTS[security],
        "security": security,
        "from": f"operator@{account.name}.example",
        "to": [f"team@{account.name}.example"],
        "allowedNetworks": NETWORKS,
    }
    return {**block, "authSecretRef": {"name": secret}} if secret else block


TYPES = {
    "webhook": ReceiverType(
        type="webhook",
        block=lambda account, secret: {
            "url": f"{account.url}/webhook",
            "headersSecretRef": {"name": secret, "keys": ["Authorization"]},
            "allowedNetworks": NETWORKS,
        },
        secret=lambda _account, credential: {"Authorization": credential},
        refusal={"code": 400, "body": "not this one"},
        handle=_header("webhook-id"),
    ),
    "email": ReceiverType(
        type="email",
        block=mail_block,
        secret=lambda account, credential: {"username": account.name, "password": credential},
        refusal={},
        handle=lambda mail: str(mail["headers"]["Message-ID"]),
    ),
    "slack": ReceiverType(
        type="slack",
        block=lambda account, secret: {
            "botTokenSecretRef": {"name": secret},
            "channel": "C0123",
            "baseUrl": account.url,
            "allowedNetworks": NETWORKS,
        },
        secret=lambda _account, credential: {"token": credential},
        refusal=slack.refused("msg_blocks_too_long"),
        handle=lambda hit: str(hit["json"]["metadata"]["event_payload"]["delivery_id"]),
    ),
    "pagerduty": ReceiverType(
        type="pagerduty",
        block=lambda account, secret: {
            "routingKeySecretRef": {"name": secret},
            "baseUrl": account.url,
            "allowedNetworks": NETWORKS,
        },
        secret=lambda _account, credential: {"routing-key": credential},
        refusal=pagerduty.refused("'payload.summary' is missing or blank"),
        handle=lambda hit: str(hit["json"]["dedup_key"]),
    ),
    "teams": ReceiverType(
        type="teams",
        block=_url_block,
        secret=_url_secret(WORKFLOW + "?sig={}"),
        refusal={"code": 400, "body": "no card"},
        handle=_header("idempotency-key"),
    ),
    "sms": ReceiverType(
        type="sms",
        block=lambda account, secret: {
            "accountSid": ACCOUNT_SID,
            "authSecretRef": {"name": secret},
            "from": "+15550199",
            "to": [PHONE],
            "baseUrl": account.url,
            "allowedNetworks": NETWORKS,
        },
        secret=lambda _account, credential: {"username": "SK0123456789", "password": credential},
        refusal=twilio.refused(400, 21211, "The 'To' number is not a valid phone number."),
        handle=lambda hit: form(hit)["Body"],
        spec={
            "priorities": ["critical", "high", "medium", "low"],
            "rateLimit": {"count": 1000, "period": "1s"},
        },
    ),
    "discord": ReceiverType(
        type="discord",
        block=_url_block,
        secret=_url_secret("api/webhooks/778899/{}"),
        refusal=discord.EMPTY,
        handle=lambda hit: str(hit["json"]["embeds"][0]["footer"]["text"]),
    ),
    "mattermost": ReceiverType(
        type="mattermost",
        block=_url_block,
        secret=_url_secret("hooks/{}"),
        refusal=mattermost.refused("text", "No text specified."),
        handle=lambda hit: str(hit["json"]["text"]),
    ),
}
SLACK_WEBHOOK = ReceiverType(
    type="slack",
    block=lambda _account, secret: {
        "webhookUrlSecretRef": {"name": secret},
        "allowedNetworks": NETWORKS,
    },
    secret=_url_secret("services/T012/B345/{}"),
    refusal={"code": 404, "body": "no_service"},
    handle=_header("idempotency-key"),
)
"""The other way to Slack."""
