"""The module of the contract that holds the names of channel types, from the table of their declarations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from notification_contract.kinds.channel_types import CHANNEL_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from notification_contract.kinds.channel_type import ChannelType

HEAD: Final = '''"""The channel types by name, generated from their declarations by `make generate`. Pure.

Completion, help and the routing language need the names alone; loading the declarations takes longer than their answers.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class ReceiverType(StrEnum):
    """The type of a receiver: the channel that its targets begin with."""
'''


def module() -> str:
    types = CHANNEL_TYPES.values()
    return "\n".join(
        (
            HEAD,
            *(f'    {each.name.upper()} = "{each.name}"' for each in types),
            "\n",
            *_set(
                "SHARED",
                (each for each in types if each.is_shared),
                "use the channel of the operator's settings",
            ),
            *_set(
                "INCIDENTS",
                (each for each in types if each.opens_incidents),
                "open an incident with a message",
            ),
            "CHANNELS: Final = (",
            *(f'    "{each.name}",' for each in types if each.in_channels),
            ")",
            '"""The values of `spec.channels`."""',
            "ADDRESSES: Final[Mapping[str, str]] = MappingProxyType(",
            "    {",
            *(f'        {_member(each)}: "{each.address}",' for each in types if each.address),
            "    }",
            ")",
            '"""The field of a notification\'s recipients that each type sends to, of the types that address people."""',
            "ROUTING_KINDS: Final[Mapping[str, str]] = MappingProxyType(",
            "    {",
            *(line for each in types if each.in_channels for line in _kinds(each)),
            "    }",
            ")",
            '"""The channel of each kind of `<kind>_configs` in a routing document."""',
            "",
        )
    )


def _member(channel_type: ChannelType) -> str:
    return f"ReceiverType.{channel_type.name.upper()}"


def _set(name: str, types: Iterable[ChannelType], what: str) -> Iterator[str]:
    yield f"{name}: Final = frozenset({{{', '.join(map(_member, types))}}})"
    yield f'"""The types that {what}."""'


def _kinds(channel_type: ChannelType) -> Iterator[str]:
    for kind in (channel_type.name, *channel_type.other_kinds):
        yield f'        "{kind}": "{channel_type.name}",'
