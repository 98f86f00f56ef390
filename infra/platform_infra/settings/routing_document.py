"""The routing rules of a stack, held to what the operator accepts before anything is changed. Pure.

The operator reads the document once more, and has the last word; a test holds both against each other.
"""

from __future__ import annotations

import re
from collections import Counter
from reprlib import repr as shown
from typing import TYPE_CHECKING, Annotated, Any, Final

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CHANNELS: Final = ("email", "slack", "teams", "sms", "webhook", "console", "file", "log")
KINDS: Final = (*CHANNELS, "pagerduty", "msteams")
LONGEST: Final = 262_144
"""Characters of the document as YAML."""
MOST_VALUES: Final = 100_000
DEEPEST, MOST_ROUTES = 32, 10_000

_MATCHER: Final = re.compile(
    r"""\s*(?:"(?:[^"\\]|\\.)++"|[A-Za-z_][\w./-]*+)\s*
        (?P<operator>=~|!~|!=|=)\s*(?P<value>"(?:[^"\\]|\\.)*+"|[^"{},]*+)\s*(?:,|\Z)""",
    re.VERBOSE,
)


def render(document: Mapping[str, Any]) -> str:
    """Return the document as the operator reads it."""
    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True)


def problems(document: Mapping[str, Any]) -> list[str]:
    """Return everything that is wrong with a document, each with its place; none where it can be used."""
    try:
        read = Document.model_validate(document)
        return [*_too_much(document), *_between(read)]
    except ValidationError as error:
        return [f"{_path(entry['loc'])}: {_said(entry)}" for entry in error.errors()]
    except RecursionError:
        return ["the document is nested too deep"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def _details(value: object) -> object:
    """Take the details of a channel: a mapping, nothing, or a list of them."""
    for details in value if isinstance(value, list) else [value]:
        if details is not None and not isinstance(details, dict):
            raise ValueError(f"{shown(details)} is no mapping of details")
    return value


def _channel(value: object) -> object:
    """Take a channel's name, or a mapping of names to details."""
    entries = value.items() if isinstance(value, dict) else [(value, None)]
    for channel, details in entries:
        if channel not in CHANNELS:
            raise ValueError(f"unknown channel {shown(channel)}; known are {', '.join(CHANNELS)}")
        _details(details)
    return value


def _expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"invalid regular expression {text!r}: {error}") from None
    return text


def _matcher(text: str) -> str:
    """Take conditions such as `severity=~"critical|high"`, several of them separated by commas."""
    inner = text.strip()
    if inner.startswith("{") and inner.endswith("}"):
        inner = inner[1:-1]
    position = 0
    while inner[position:].strip():
        found = _MATCHER.match(inner, position)
        if found is None:
            raise ValueError(f'cannot read {inner[position:]!r}; write it like severity=~"critical|high"')
        if found["operator"].endswith("~"):
            _expression(_plain(found["value"]))
        position = found.end()
    return text


def _plain(word: str) -> str:
    if not word.startswith('"'):
        return word.strip()
    return re.sub(
        r"\\(.)", lambda escape: "\n" if escape[1] == "n" else escape[1], word[1:-1], flags=re.DOTALL
    )


def _kind(key: str) -> str:
    if key.removesuffix("Configs").removesuffix("_configs") not in KINDS:
        raise ValueError(f"unknown key; known are name, channels and {', '.join(KINDS)} with _configs")
    return key


class Receiver(_Part):
    """A name for some channels, given by `channels` or by keys such as `slack_configs`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[Annotated[str, AfterValidator(_kind)], Annotated[Any, BeforeValidator(_details)]]

    name: Annotated[str, Field(min_length=1)]
    channels: list[Annotated[Any, BeforeValidator(_channel)]] | None = None


class Route(_Part):
    """A rule; what Alertmanager groups, waits and mutes by has no effect here."""

    receiver: str | None = None
    name: str = ""
    matchers: Annotated[
        list[Annotated[str, AfterValidator(_matcher)]] | None,
        BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    ] = None
    match: dict[str, str] | None = None
    match_re: dict[str, Annotated[str, AfterValidator(_expression)]] | None = None
    goes_on: Annotated[bool, Field(alias="continue")] = False
    routes: list[Route] | None = None
    group_by: Any = None
    group_wait: Any = None
    group_interval: Any = None
    repeat_interval: Any = None
    mute_time_intervals: Any = None
    active_time_intervals: Any = None


class Document(_Part):
    """The rules and the receivers; other parts of an Alertmanager document are passed over."""

    route: Route
    receivers: Annotated[list[Receiver], Field(min_length=1)]
    global_: Annotated[Any, Field(alias="global")] = None
    templates: Any = None
    inhibit_rules: Any = None
    mute_time_intervals: Any = None
    time_intervals: Any = None


def _too_much(document: Mapping[str, Any]) -> Iterator[str]:
    size = len(render(document))
    if size > LONGEST:
        yield f"the document has {size} characters as YAML; use at most {LONGEST}"
    if sum(1 for _ in _values(document)) > MOST_VALUES:
        yield f"the document holds more than {MOST_VALUES} values; use fewer"


def _between(document: Document) -> Iterator[str]:
    """Yield what the parts of a document ask of each other and do not get."""
    names = Counter(receiver.name for receiver in document.receivers)
    yield from (
        f"receivers: {name!r} is the name of {count} of them; choose other names"
        for name, count in names.items()
        if count > 1
    )
    routes = list(_routes(document.route))
    if document.route.receiver is None:
        yield "route.receiver: missing; name the receiver of what no rule matches"
    if len(routes) > MOST_ROUTES or max(depth for _, depth in routes) > DEEPEST:
        yield f"route: more than {DEEPEST} levels or {MOST_ROUTES} rules; use fewer"
    yield from (
        f"route: unknown receiver {route.receiver!r}; define it under receivers"
        for route, _ in routes
        if route.receiver is not None and route.receiver not in names
    )


def _routes(route: Route, depth: int = 1) -> Iterator[tuple[Route, int]]:
    yield route, depth
    for child in route.routes or ():
        yield from _routes(child, depth + 1)


def _values(value: object) -> Iterator[object]:
    """Yield a value and all that it holds."""
    yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from _values(child)


def _path(location: tuple[str | int, ...]) -> str:
    words = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location]
    return "".join(words).removeprefix(".") or "the document"


def _said(entry: Any) -> str:  # noqa: ANN401 - pydantic's details
    message = str(entry["msg"]).removeprefix("Value error, ")
    if entry["type"] == "value_error":
        return message
    return f"{message} (got {shown(entry['input'])})"
