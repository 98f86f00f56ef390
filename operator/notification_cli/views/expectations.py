"""Expectations of routing in a file: labels, and the channels that they must lead to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from notification_contract.kinds.target import UNKNOWN_TYPE
from notification_contract.routing.reach import message_only_logs
from notification_contract.routing.receivers import FALLBACK_CHANNEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from notification_contract.routing.table import Match, RoutingTable

KEYS: Final = frozenset({"name", "labels", "channels", "receivers"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What the rules must choose for some labels; None is anything.

    Among the channels are NotificationReceivers, as `NAMESPACE/NAME`.
    """

    name: str
    labels: Mapping[str, str]
    channels: tuple[str, ...] | None = None
    receivers: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the rules choose, and whether it is what was expected."""

    expectation: Expectation
    channels: tuple[str, ...]
    receivers: tuple[str, ...]
    only_logged: bool
    """Whether only the operator's log gets a message with these labels that names no channel or receiver."""

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(self._problems())

    def _problems(self) -> Iterator[str]:
        for what, expected, result in (
            ("channels", self.expectation.channels, self.channels),
            ("receivers", self.expectation.receivers, self.receivers),
        ):
            if expected is not None and expected != result:
                yield f"{what}: expected {', '.join(expected) or 'none'}, got {', '.join(result) or 'none'}"


class ExpectationsError(Exception):
    """The file is invalid; the message is one line with the path of the problem."""


def read(text: str) -> tuple[Expectation, ...]:
    """Read the file: a mapping whose `tests` is a list.

    Raises:
        ExpectationsError: the file is invalid.
    """
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ExpectationsError(f"it is not YAML: {' '.join(str(error).split())}") from None
    entries = document.get("tests") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not entries:
        raise ExpectationsError("tests: must be a list of mappings with labels and channels")
    return tuple(_entry(entry, f"tests[{index}]") for index, entry in enumerate(entries))


def _entry(entry: object, path: str) -> Expectation:
    if not isinstance(entry, dict):
        raise ExpectationsError(f"{path}: must be a mapping with labels and channels")
    if unknown := [str(key) for key in entry if key not in KEYS]:
        raise ExpectationsError(f"{path}.{unknown[0]}: unknown key; the keys are {', '.join(sorted(KEYS))}")
    labels = entry.get("labels") or {}
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise ExpectationsError(f"{path}.labels: must be a mapping of strings; put the values in quotes")
    channels, receivers = (_names(entry.get(key), f"{path}.{key}") for key in ("channels", "receivers"))
    if channels is None and receivers is None:
        raise ExpectationsError(f"{path}: expects nothing; set channels or receivers")
    return Expectation(
        name=str(entry.get("name") or path),
        labels={str(key): value for key, value in labels.items()},
        channels=None if channels is None else _targets(channels),
        receivers=receivers,
    )


def _names(value: Any, path: str) -> tuple[str, ...] | None:  # noqa: ANN401 - decoded YAML
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ExpectationsError(f"{path}: must be a list of names")
    return tuple(value)


def _targets(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return channels, and receivers as `NAMESPACE/NAME`."""
    return tuple(name.removeprefix(f"{UNKNOWN_TYPE}/") for name in names)


def verify(table: RoutingTable | None, expectation: Expectation) -> Outcome:
    """Return what the rules choose for the labels of an expectation."""
    chosen: tuple[Match, ...] = table.match(expectation.labels) if table else ()
    targets = dict.fromkeys(target for each in chosen for target in each.receiver.channels)
    return Outcome(
        expectation=expectation,
        channels=_targets(tuple(targets)) or (FALLBACK_CHANNEL,),
        receivers=tuple(dict.fromkeys(each.receiver.name for each in chosen)),
        only_logged=message_only_logs(table, expectation.labels),
    )
