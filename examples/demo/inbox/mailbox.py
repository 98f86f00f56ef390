"""What arrived: mails and webhooks, newest last, and what can be read of each."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from email.message import EmailMessage

REMEMBERED = 200
"""Messages; the oldest are dropped."""
SHOWN = 8
"""Characters of the key of an incident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One message. `number` counts from 1; `verdict` says what was verified, and `trusted` whether it held."""

    number: int
    kind: str
    at: datetime
    sender: str
    recipient: str
    subject: str
    text: str
    source: str
    """Everything, as it came."""
    verdict: str
    trusted: bool
    incident: str = ""
    """The event and the begin of the key, such as `Resolve 5f1c9a77`; empty for a message that belongs to none."""
    html: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def summary(self) -> dict[str, object]:
        """Return what a program needs of it."""
        names = ("number", "kind", "sender", "recipient", "subject", "incident", "verdict", "trusted")
        return {"at": self.at.isoformat(timespec="seconds"), **{name: getattr(self, name) for name in names}}


class Mailbox:
    """The latest messages, in memory: a restart empties it."""

    def __init__(self) -> None:
        self._messages: deque[Received] = deque(maxlen=REMEMBERED)
        self._count = 0

    def newest_first(self) -> list[Received]:
        """Return all messages."""
        return list(reversed(self._messages))

    def get(self, number: int) -> Received | None:
        """Return a message by its number."""
        return next((each for each in self._messages if each.number == number), None)

    def add_mail(self, content: bytes, *, sender: str, recipient: str, user: str, at: datetime) -> Received:
        """Add a mail that a logged-in user sent over TLS."""
        mail = message_from_bytes(content, policy=default)
        return self._add(
            kind="mail",
            at=at,
            sender=sender,
            recipient=recipient,
            subject=str(mail["Subject"] or ""),
            text=_part(mail, "plain"),
            html=_part(mail, "html"),
            headers={name: str(value) for name, value in mail.items()},
            source=content.decode(errors="replace"),
            verdict=f"sent over TLS by {user}, with its password",
            trusted=True,
        )

    def add_webhook(
        self, body: bytes, headers: Mapping[str, str], *, verdict: str, trusted: bool, at: datetime
    ) -> Received:
        """Add a webhook."""
        text, data = _read_json(body)
        key = str(data.get("dedupKey", ""))
        return self._add(
            kind="webhook",
            at=at,
            sender=f"{data.get('namespace', '?')}/{data.get('name', '?')}",
            recipient=str(data.get("receiver", "")),
            subject=str(data.get("subject", "(no subject)")),
            incident=f"{data.get('event', '?')} {key[:SHOWN]}" if key else "",
            text=text,
            headers=dict(headers),
            source=body.decode(errors="replace"),
            verdict=verdict,
            trusted=trusted,
        )

    def _add(self, **fields: object) -> Received:
        self._count += 1
        message = Received(number=self._count, **fields)  # type: ignore[arg-type]  # of the two methods above
        self._messages.append(message)
        return message


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return "" if part is None else str(part.get_content()).replace("\r\n", "\n")


def _read_json(body: bytes) -> tuple[str, dict[str, object]]:
    """Return a body with line breaks, and the data of its notification."""
    try:
        content = json.loads(body)
    except ValueError:
        return body.decode(errors="replace"), {}
    data = content.get("data") if isinstance(content, dict) else None
    return json.dumps(content, indent=2, ensure_ascii=False), data if isinstance(data, dict) else {}
