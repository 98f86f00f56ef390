"""The fault rules that tests set, each for some requests and a number of times."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.faultproxy.requests import RequestKind

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}

Seconds = Annotated[float, Field(ge=0, le=600)]


class Match(BaseModel):
    """Selects requests by all given fields. `name` is a regular expression for the whole name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    verb: str | None = None
    resource: str | None = None
    subresource: str | None = None
    namespace: str | None = None
    name: str | None = None

    @field_validator("name")
    @classmethod
    def _is_an_expression(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"{value!r} is no regular expression: {error}") from None
        return value

    def fits(self, kind: RequestKind) -> bool:
        plain = ("verb", "resource", "subresource", "namespace")
        return all(getattr(self, field) in (None, getattr(kind, field)) for field in plain) and (
            self.name is None or re.fullmatch(self.name, kind.name) is not None
        )


class Rule(Match):
    """One fault.

    After `delay` seconds the response is `code` (with `body` and `headers`), or the connection is `cut`, and the
    server does not see the request; with `after` the request is forwarded first, and only the response is
    replaced or lost. Without code and cut there is only a delay: of the request by `delay`, of the response by
    `delay_after`. `containing` must be in the request's body, as JSON without spaces. The first `skip`
    matching requests pass; the rule applies to the next `times`, to all of them if it is None.

    With `lag` the rule applies to watches instead, including running ones: each event is delayed.
    """

    containing: str = ""
    code: Annotated[int, Field(ge=200, le=599)] | None = None
    body: Any = None
    headers: dict[str, str] = {}
    delay: Seconds = 0
    delay_after: Seconds = 0
    cut: bool = False
    after: bool = False
    times: Annotated[int, Field(ge=1)] | None = 1
    skip: Annotated[int, Field(ge=0)] = 0
    lag: Seconds = 0

    @model_validator(mode="after")
    def _does_something(self) -> Rule:
        faults = [self.code is not None, self.cut, bool(self.delay or self.delay_after)]
        if not any([*faults, self.lag]):
            raise ValueError("the rule does nothing: give it a code, cut, delay, delay_after or lag")
        if self.lag and any(faults):
            raise ValueError("lag holds the events of watches back and goes with nothing else")
        if self.code is not None and self.cut:
            raise ValueError("a request is answered with a code or cut, not both")
        if self.after and self.code is None and not self.cut:
            raise ValueError("after says when to answer with a code or to cut: give it one of them")
        return self

    def payload(self) -> bytes:
        """Return the body of the response, by default a Status."""
        assert self.code is not None
        return (
            self.body if isinstance(self.body, str) else json.dumps(self.body or status(self.code))
        ).encode()


def status(code: int, message: str = "the fault proxy says so") -> dict[str, Any]:
    """Return the Status of a failure."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": REASONS.get(code, "Unknown"),
        "code": code,
    }


@dataclass(slots=True, kw_only=True)
class InForce:
    """A rule that was set; `seen` requests matched so far, it was applied to `used` of them."""

    id: int
    rule: Rule
    seen: int = 0
    used: int = 0

    def meets(self, kind: RequestKind, body: str) -> bool:
        """Return whether the rule applies to a request, and count it."""
        rule = self.rule
        exhausted = rule.times is not None and self.used >= rule.times
        if rule.lag or exhausted or not rule.fits(kind) or rule.containing not in body:
            return False
        self.seen += 1
        if self.seen <= rule.skip:
            return False
        self.used += 1
        return True


class Rules:
    """The rules in the order in which they were set; the first matching one applies."""

    def __init__(self) -> None:
        self._rules: dict[int, InForce] = {}
        self._made = 0

    def add(self, rule: Rule) -> int:
        """Set a rule; return its number."""
        self._made += 1
        self._rules[self._made] = InForce(id=self._made, rule=rule)
        return self._made

    def remove(self, number: int | None = None) -> None:
        """Remove a rule, if it exists, or all of them."""
        if number is None:
            self._rules.clear()
        else:
            self._rules.pop(number, None)

    def take(self, kind: RequestKind, body: bytes) -> InForce | None:
        """Return the rule that applies to a request."""
        text = _compact(body)
        return next((rule for rule in self._rules.values() if rule.meets(kind, text)), None)

    def lag(self, kind: RequestKind) -> float:
        """Return the current delay of such a watch's events, in seconds."""
        return max((one.rule.lag for one in self._rules.values() if one.rule.fits(kind)), default=0.0)

    def __iter__(self) -> Iterator[InForce]:
        return iter(self._rules.values())


def _compact(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False)
    except ValueError:
        return body.decode(errors="backslashreplace")
