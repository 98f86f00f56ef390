"""The channel types, one module each, and the table of all of them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from notification_contract.kinds.channel_types.apprise import APPRISE
from notification_contract.kinds.channel_types.console import CONSOLE
from notification_contract.kinds.channel_types.discord import DISCORD
from notification_contract.kinds.channel_types.email import EMAIL
from notification_contract.kinds.channel_types.file import FILE
from notification_contract.kinds.channel_types.log import LOG
from notification_contract.kinds.channel_types.mattermost import MATTERMOST
from notification_contract.kinds.channel_types.pagerduty import PAGERDUTY
from notification_contract.kinds.channel_types.slack import SLACK
from notification_contract.kinds.channel_types.sms import SMS
from notification_contract.kinds.channel_types.teams import TEAMS
from notification_contract.kinds.channel_types.webhook import WEBHOOK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_contract.kinds.channel_type import ChannelType

CHANNEL_TYPES: Final[Mapping[str, ChannelType]] = {
    each.name: each
    for each in (
        *(WEBHOOK, EMAIL, TEAMS, PAGERDUTY, SMS, SLACK),
        *(CONSOLE, FILE, LOG, DISCORD, MATTERMOST, APPRISE),
    )
}
"""The types by name, in the order of the fields of a spec and of the documentation."""
