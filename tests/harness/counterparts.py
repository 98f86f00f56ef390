"""A client for the services of the sink: accounts, what they expect and answer, and what reached them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.harness.eventually import eventually
from tests.harness.json_client import JsonClient
from tests.harness.sink.services import pagerduty

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.harness.sink.services.service import Answered

Object: TypeAlias = dict[str, Any]

HOST = "counterparts.sinks.svc"
"""The name that operators reach the services by, and that is in their certificate."""
MAIL_PORTS = {"None": 25, "StartTLS": 587, "TLS": 465}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account at the services; `base` is the URL of the sink's API for tests."""

    base: str
    name: str

    @property
    def url(self) -> str:
        """The address that receivers use, without a path of a service."""
        return f"https://{HOST}/at/{self.name}"

    def expect(self, credential: str) -> None:
        """Set the password, token or key that the service accepts from now on."""
        self._change(credential=credential)

    def answer(self, *answers: Object | Answered) -> None:
        """Set the answers to requests, one by one; the last one repeats, and `{}` is what the service itself answers.

        Keys of an answer: code, body, body_base64, headers, delay (seconds), never, drop.
        """
        self._change(answers=[each if isinstance(each, dict) else as_answer(each) for each in answers])

    def hits(self) -> list[Object]:
        """Return the requests, oldest first, as those of the sink's receivers; `client` is the name of a certificate."""
        result: list[Object] = self._sink.request("GET", f"/hits/{self.name}")
        return result

    def messages(self) -> list[Object]:
        """Return the messages of a service that can change them, oldest first, as they are now."""
        result: list[Object] = self._sink.request("GET", f"/accounts/{self.name}/messages")
        return result

    def hit(self, count: int = 1, *, within: float = 10.0) -> Object:
        """Wait for so many requests, and return the last of them; it may still be open."""
        return eventually(self.hits, lambda hits: len(hits) >= count, within=within)[count - 1]

    def incidents(self) -> dict[str, str]:
        """Return the incidents at PagerDuty by their key: triggered, acknowledged or resolved."""
        return {key: state.value for key, state in pagerduty.incidents(self.hits()).items()}

    def reply(self, step: str, *replies: str) -> None:
        """Set the answers to a command of SMTP: MAIL, RCPT or DATA; `break` and `silence` are answers, too."""
        self._change(replies={step: list(replies)})

    def mails(self) -> list[Object]:
        """Return the mails and refusals, oldest first.

        A mail has: at, step, answer, accepted, encrypted, user, sender, recipient, headers, text, html, raw.
        """
        result: list[Object] = self._sink.request("GET", f"/mails/{self.name}")
        return result

    def accepted(self, count: int = 1, *, within: float = 10.0) -> Sequence[Object]:
        """Wait for so many accepted mails, and return all of them."""
        return eventually(
            lambda: [mail for mail in self.mails() if mail["accepted"]],
            lambda mails: len(mails) >= count,
            within=within,
        )

    def _change(self, **change: object) -> None:
        self._sink.request("PUT", f"/accounts/{self.name}", change)

    @property
    def _sink(self) -> JsonClient:
        return JsonClient(self.base)


def as_answer(answered: Answered) -> Object:
    """Return an answer of a service as a scripted one."""
    return {"code": answered.status, "body": answered.text, "headers": dict(answered.headers)}
