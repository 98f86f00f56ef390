"""The routing table: a tree of rules that select receivers by labels. Pure.

Syntax and semantics are Alertmanager's: depth first, the deepest matching rule takes precedence over its parents, and
the first matching rule over its later siblings unless it sets `continue`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from reprlib import repr as shown
from typing import Final

from notification_contract.routing.matchers import Matcher, Operator, matcher, parse_matchers
from notification_contract.routing.receivers import Receiver, parse_receivers

MAX_DEPTH, MAX_RULES = 32, 10_000
"""Limits of the tree of rules: with aliases, a short YAML text can describe an endless tree."""

_SINGLY, _ANY_TIME = "each notification is sent by itself", "notifications are sent at any time"
IGNORED_RULE_KEYS: Final = {
    "group_by": _SINGLY,
    "group_wait": _SINGLY,
    "group_interval": _SINGLY,
    "repeat_interval": "no notification is repeated",
    "mute_time_intervals": _ANY_TIME,
    "active_time_intervals": _ANY_TIME,
}
IGNORED_KEYS: Final = {
    "global": "set it in the NotificationReceivers",
    "templates": "set spec.template in the NotificationReceivers",
    "inhibit_rules": "no notification suppresses another one",
    "mute_time_intervals": _ANY_TIME,
    "time_intervals": _ANY_TIME,
}
"""Keys of an Alertmanager document that have no effect here, and what holds in their place."""


class RoutingTableError(Exception):
    """The routing document is invalid; `problems` lists every problem, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A node of the tree; it matches when all of its matchers do."""

    receiver: Receiver
    name: str = ""
    matchers: tuple[Matcher, ...] = ()
    continue_matching: bool = False
    """Whether later siblings are evaluated after this rule has matched."""
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A rule that matches some labels, with the path to it from the root."""

    path: tuple[Rule, ...]

    @property
    def receiver(self) -> Receiver:
        """The receiver of the matching rule."""
        return self.path[-1].receiver

    @property
    def by_default(self) -> bool:
        """Whether no rule on the path has a matcher."""
        return not any(rule.matchers for rule in self.path)

    def __str__(self) -> str:
        conditions = (str(condition) for rule in self.path for condition in rule.matchers)
        return self.path[-1].name or ", ".join(conditions)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingTable:
    """The rules, from the root that applies to every notification."""

    root: Rule
    ignored: tuple[str, ...] = ()
    """A sentence for each key that has no effect, with its first place."""

    def match(self, labels: Mapping[str, str]) -> tuple[Match, ...]:
        """Return the matching rules in order; none if the root itself does not match."""
        return _match((self.root,), labels)

    @property
    def channels(self) -> frozenset[str]:
        """The channels and receivers that any rule leads to."""
        rules, channels = [self.root], set[str]()
        while rules:
            rule = rules.pop()
            channels.update(rule.receiver.channels)
            rules += rule.rules
        return frozenset(channels)


def _match(path: tuple[Rule, ...], labels: Mapping[str, str]) -> tuple[Match, ...]:
    rule = path[-1]
    if not all(condition.holds(labels) for condition in rule.matchers):
        return ()
    matches: tuple[Match, ...] = ()
    for child in rule.rules:
        below = _match((*path, child), labels)
        matches += below
        if below and not child.continue_matching:
            break
    return matches or (Match(path=path),)


def parse_table(document: object) -> RoutingTable:
    """Parse a routing document that is already decoded from YAML.

    Raises:
        RoutingTableError: the document is invalid; lists every problem with its path and a hint.
    """
    problems: list[str] = []
    if not isinstance(document, Mapping):
        raise RoutingTableError(
            [f"the document must be a mapping with route and receivers (got {shown(document)})"]
        )
    known = {"route", "receivers"} | IGNORED_KEYS.keys()
    problems += [
        f"{key}: unknown key; the keys are route and receivers" for key in document if key not in known
    ]
    receivers = parse_receivers(document.get("receivers"), problems)
    parser = _Parser(receivers=receivers, problems=problems)
    parser.ignore(document, "", IGNORED_KEYS)
    root = parser.rule(document.get("route"), "route", parent=None)
    if problems or root is None:
        raise RoutingTableError(problems)
    return RoutingTable(root=root, ignored=parser.ignored)


class _Parser:
    """Parses rules; records problems and continues with what is valid."""

    def __init__(self, *, receivers: Mapping[str, Receiver], problems: list[str]) -> None:
        self._receivers = receivers
        self._problems = problems
        self._rules = 0
        self._ignored: dict[str, list[str]] = {}
        """The places of each key that has no effect."""

    @property
    def ignored(self) -> tuple[str, ...]:
        """A sentence for each key that has no effect."""
        return tuple(
            f"{first}{f' and {len(more)} more' if more else ''}: has no effect, {(IGNORED_RULE_KEYS | IGNORED_KEYS)[key]}; remove it"
            for key, (first, *more) in self._ignored.items()
        )

    def ignore(self, entry: Mapping[str, object], prefix: str, keys: Iterable[str]) -> None:
        """Note the keys of a mapping that have no effect."""
        for key in entry:
            if key in keys:
                self._ignored.setdefault(key, []).append(f"{prefix}{key}")

    def rule(self, entry: object, path: str, *, parent: Receiver | None, depth: int = 1) -> Rule | None:
        self._rules += 1
        if depth > MAX_DEPTH or self._rules > MAX_RULES:
            self._report_once(f"route: more than {MAX_DEPTH} levels or {MAX_RULES} rules; use fewer")
            return None
        if not isinstance(entry, Mapping):
            self._problems.append(f"{path}: must be a mapping with a receiver (got {shown(entry)})")
            return None
        known = {"receiver", "name", "matchers", "match", "match_re", "continue", "routes"}
        for key in entry:
            if key not in known | IGNORED_RULE_KEYS.keys():
                self._problems.append(f"{path}.{key}: unknown key; the keys are {', '.join(sorted(known))}")
        self.ignore(entry, f"{path}.", IGNORED_RULE_KEYS)
        receiver = self._receiver(entry.get("receiver"), f"{path}.receiver", parent)
        return Rule(
            receiver=receiver,
            name=self._text(entry.get("name", ""), f"{path}.name"),
            matchers=self._matchers(entry, path),
            continue_matching=self._flag(entry.get("continue", False), f"{path}.continue"),
            rules=self._children(entry.get("routes"), f"{path}.routes", receiver, depth),
        )

    def _children(self, value: object, path: str, parent: Receiver, depth: int) -> tuple[Rule, ...]:
        entries = self._list(value, path)
        rules = [
            self.rule(entry, f"{path}[{index}]", parent=parent, depth=depth + 1)
            for index, entry in enumerate(entries)
        ]
        return tuple(rule for rule in rules if rule is not None)

    def _receiver(self, name: object, path: str, parent: Receiver | None) -> Receiver:
        """Return the receiver of a name; without a name, that of the parent."""
        if name is None and parent is not None:
            return parent
        if name is None:
            self._problems.append(f"{path}: missing; set the receiver of notifications that no rule matches")
        elif not isinstance(name, str):
            self._problems.append(f"{path}: must be the name of a receiver (got {shown(name)})")
        elif name in self._receivers:
            return self._receivers[name]
        else:
            self._problems.append(f"{path}: unknown receiver {shown(name)}; define it under receivers")
        return Receiver(name=str(name))

    def _matchers(self, entry: Mapping[str, object], path: str) -> tuple[Matcher, ...]:
        texts = entry.get("matchers")
        matchers: list[Matcher] = []
        for index, text in enumerate(
            [texts] if isinstance(texts, str) else self._list(texts, f"{path}.matchers")
        ):
            place = f"{path}.matchers[{index}]"
            try:
                matchers += parse_matchers(self._text(text, place))
            except ValueError as error:
                self._problems.append(f"{place}: {error}")
        matchers += self._map(entry.get("match"), f"{path}.match", Operator.EQUAL)
        matchers += self._map(entry.get("match_re"), f"{path}.match_re", Operator.MATCHES)
        return tuple(matchers)

    def _map(self, value: object, path: str, operator: Operator) -> list[Matcher]:
        if not isinstance(value, Mapping | None):
            self._problems.append(f"{path}: must be a mapping of labels to values (got {shown(value)})")
            return []
        matchers = []
        for label, expected in (value or {}).items():
            try:
                matchers.append(matcher(str(label), operator, self._text(expected, f"{path}.{label}")))
            except ValueError as error:
                self._problems.append(f"{path}.{label}: {error}")
        return matchers

    def _list(self, value: object, path: str) -> list[object]:
        if value is None or isinstance(value, list):
            return value or []
        self._problems.append(f"{path}: must be a list (got {shown(value)})")
        return []

    def _text(self, value: object, path: str) -> str:
        if isinstance(value, str):
            return value
        self._problems.append(f"{path}: must be a string (got {shown(value)}); put it in quotes")
        return ""

    def _flag(self, value: object, path: str) -> bool:
        if isinstance(value, bool):
            return value
        self._problems.append(f"{path}: must be true or false (got {shown(value)})")
        return False

    def _report_once(self, problem: str) -> None:
        if problem not in self._problems:
            self._problems.append(problem)
