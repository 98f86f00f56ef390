"""Accounts at the services of the sink: what each one expects and answers. A test has its own."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from tests.harness.sink.answers import Answer, Scripted
from tests.harness.sink.sequences import Series

REMEMBERED = 10_000
"""Accounts; the oldest are dropped."""
ACCEPTED = "250 OK"

Step = Literal["MAIL", "RCPT", "DATA"]
Reply = Annotated[str, Field(pattern=r"^([2-5][0-9]{2}( .*)?|break|silence)$")]
"""The answer to a command of SMTP; `break` closes the connection, and `silence` never answers."""


class Account:
    """One account. Without a credential, it accepts every one."""

    def __init__(self) -> None:
        self.credential = ""
        self._answers = Scripted([])
        self.replies: dict[str, Series[str]] = {}
        self.messages: dict[str, dict[str, Any]] = {}
        """What services have accepted that can change it, by their ids."""

    def script(self, answers: list[Answer]) -> None:
        """Set the answers, and let those be given that are held."""
        self._answers.release()
        self._answers = Scripted(answers)

    def take(self) -> Answer:
        """Return the answer to the next request."""
        return self._answers.take()

    def reply(self, step: Step) -> str:
        """Return the next answer to a command of SMTP."""
        return self.replies[step].take() if step in self.replies else ACCEPTED


class Change(BaseModel):
    """New settings of an account; what is None stays."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    credential: str | None = None
    """The password, token or key that the service accepts from now on."""
    answers: list[Answer] | None = None
    """The answers to requests, one by one; the last one repeats. `{}` is what the service itself answers."""
    replies: dict[Step, list[Reply]] | None = None
    """The same for the commands of SMTP."""


class Accounts:
    """The accounts by name; an unknown one is created."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}

    def __getitem__(self, name: str) -> Account:
        if name not in self._accounts:
            self._accounts[name] = Account()
            while len(self._accounts) > REMEMBERED:
                del self._accounts[next(iter(self._accounts))]
        return self._accounts[name]

    def routes(self) -> list[web.RouteDef]:
        return [
            web.put("/accounts/{account}", self._change),
            web.get("/accounts/{account}/messages", self._messages),
        ]

    async def _messages(self, request: web.Request) -> web.Response:
        return web.json_response(list(self[request.match_info["account"]].messages.values()))

    async def _change(self, request: web.Request) -> web.Response:
        change = Change.model_validate(await request.json())
        account = self[request.match_info["account"]]
        if change.credential is not None:
            account.credential = change.credential
        if change.answers is not None:
            account.script(change.answers)
        for step, replies in (change.replies or {}).items():
            account.replies[step] = Series(replies, otherwise=ACCEPTED)
        return web.json_response({})
