"""The conditions over a whole spec of a NotificationReceiver, which follow from the table of channel types. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from notification_contract.durations import seconds
from notification_contract.kinds.rules import ApiRule, present

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from notification_contract.kinds.channel_type import ChannelType

MAX_TIMEOUT: Final = 120
"""Seconds of one attempt."""


def spec_rules(types: Mapping[str, ChannelType]) -> tuple[ApiRule, ...]:
    """Return the rules of a spec in the order in which they are checked."""
    return (
        _blocks(types),
        _recipients(types),
        ApiRule(
            cel=(
                "self.timeout.matches('d|[0-9]{8}') ? false : duration(self.timeout) > duration('0s') && "
                f"duration(self.timeout) <= duration('{MAX_TIMEOUT}s')"
            ),
            message=f"timeout must be longer than 0s and at most {MAX_TIMEOUT}s; write it like 30s",
            holds=lambda spec: 0 < seconds(spec.timeout) <= MAX_TIMEOUT,
        ),
        *(_without_effect(types, field) for field in ("rate_limit", "tls", "proxy_secret_ref")),
    )


def _blocks(types: Mapping[str, ChannelType]) -> ApiRule:
    """Return the rule that exactly the block of the type is set."""
    blocks = [name for name, each in types.items() if not each.is_shared]
    shared = _listed(name for name, each in types.items() if each.is_shared)

    def wrong(spec: Any) -> str | None:  # noqa: ANN401 - the spec's module imports this one
        return next((name for name in blocks if (getattr(spec, name) is None) == (name == spec.type)), None)

    def explain(spec: Any) -> str:  # noqa: ANN401 - as above
        name = wrong(spec)
        problem = "is missing" if name == spec.type else "is set"
        return f"{name} {problem} although type is {spec.type}; set exactly the block of that name"

    return ApiRule(
        cel=" && ".join(f"has(self.{name}) == (self.type == '{name}')" for name in blocks),
        message_expression=(
            f"self.type in {shared} ? 'spec.type ' + self.type + ' has no block; remove the block of another type' : "
            "'set spec.' + self.type + ', because spec.type is ' + self.type + ', and no block of another type'"
        ),
        holds=lambda spec: wrong(spec) is None,
        explain=explain,
    )


def _recipients(types: Mapping[str, ChannelType]) -> ApiRule:
    """Return the rule that a receiver of a type that addresses people has recipients, or accepts some."""
    addressing = [name for name, each in types.items() if each.address]
    paths = (*(f"{name}.?to" for name in addressing), "recipients.?allow")
    return ApiRule(
        cel=" || ".join(
            (
                f"!(self.type in {_listed(addressing)})",
                *(f"size(self.?{path}.orValue([])) > 0" for path in paths),
            )
        ),
        message_expression=(
            "'set spec.' + self.type + '.to, or spec.recipients.allow so that notifications can name recipients'"
        ),
        # Without the block, that is the problem.
        holds=lambda spec: (
            not spec.addresses_people
            or spec.block is None
            or bool(spec.own_addresses or spec.recipients.allow)
        ),
        explain=lambda spec: (
            f"set {spec.type}.to, or recipients.allow so that notifications can name recipients"
        ),
    )


def _without_effect(types: Mapping[str, ChannelType], attribute: str) -> ApiRule:
    """Return the rule that a field is absent where the type does not use it."""
    field = present(attribute)
    unused = [each for each in types.values() if field.name in each.without_effect]
    # Types that use the channel of the settings come first, as one group; the others follow by name.
    unused.sort(key=lambda each: (not each.is_shared, "" if each.is_shared else each.name))
    names = [each.name for each in unused]
    return ApiRule(
        cel=f"!(self.type in {_listed(names)}) || !{field.cel}",
        message_expression=f"'spec.{field.name} has no effect for type ' + self.type + '; remove it'",
        holds=lambda spec: spec.type not in names or not field.holds(spec),
        explain=lambda spec: f"{field.name} has no effect for type {spec.type}; remove it",
    )


def _listed(names: Iterable[str]) -> str:
    """Return a list in CEL."""
    quoted = ", ".join(f"'{name}'" for name in names)
    return f"[{quoted}]"
