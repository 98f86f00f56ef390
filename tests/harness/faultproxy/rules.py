"""What goes wrong, and when: rules that the tests set, each for some kind of request and for some times."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.faultproxy.kinds import RequestKind

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
    """Which requests: those that fit all that is given. `name` is a regular expression for the whole name."""

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
        """Tell whether it is about this kind of request."""
        plain = ("verb", "resource", "subresource", "namespace")
        return all(getattr(self, field) in (None, getattr(kind, field)) for field in plain) and (
            self.name is None or re.fullmatch(self.name, kind.name) is not None
        )


class Rule(Match):
    """One fault.

    After `delay` seconds the request is answered with `code` (and `body`, `headers`), or the connection is
    `cut`, and the server never sees it; with `after` it has done its work by then, and only the answer is
    replaced or lost. Without code and cut it is only late: the request by `delay`, the answer by
    `delay_after`. `containing` must stand in the request's body, written as JSON without spaces. The first
    `skip` requests that fit go through, the next `times` do not, all of them when it is None.

    With `lag` it is about running watches, new and old ones, instead: each event comes that much later.
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
        """Return the body of the answer, by default a Status as an API server would send."""
        assert self.code is not None
        return (
            self.body if isinstance(self.body, str) else json.dumps(self.body or status(self.code))
        ).encode()


def status(code: int, message: str = "the fault proxy says so") -> dict[str, Any]:
    """Return the object in which an API server tells a failure."""
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
    """A rule that was set; `seen` requests fitted so far, `used` of them met its fault."""

    id: int
    rule: Rule
    seen: int = 0
    used: int = 0

    def meets(self, kind: RequestKind, body: str) -> bool:
        """Tell whether this request meets the fault, and count it."""
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
    """The rules in force, in the order in which they were set; a request meets the first that it fits."""

    def __init__(self) -> None:
        self._rules: dict[int, InForce] = {}
        self._made = 0

    def add(self, rule: Rule) -> int:
        """Put a rule into force; return its number."""
        self._made += 1
        self._rules[self._made] = InForce(id=self._made, rule=rule)
        return self._made

    def remove(self, number: int | None = None) -> None:
        """Take a rule out of force, or all of them; one that is none is fine."""
        if number is None:
            self._rules.clear()
        else:
            self._rules.pop(number, None)

    def take(self, kind: RequestKind, body: bytes) -> InForce | None:
        """Return the rule that this request meets."""
        text = _compact(body)
        return next((rule for rule in self._rules.values() if rule.meets(kind, text)), None)

    def lag(self, kind: RequestKind) -> float:
        """Return how many seconds the events of such a watch come late at the moment."""
        return max((one.rule.lag for one in self._rules.values() if one.rule.fits(kind)), default=0.0)

    def __iter__(self) -> Iterator[InForce]:
        return iter(self._rules.values())


def _compact(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False)
    except ValueError:
        return body.decode(errors="backslashreplace")
