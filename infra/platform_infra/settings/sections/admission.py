"""Settings of the admission policies. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from notification_contract import bounds
from platform_infra.settings.sections.base import Section

UserPattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9@:._*/-]+$")]
Scheme = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9+.-]*$")]
ChannelName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")]


class Admission(Section):
    """Limits of notifications and receivers that the API server enforces. The limits apply to new notifications, and to receivers whose spec changes; stored ones stay."""

    enabled: bool = True
    """Whether the stack that owns the CRDs creates ValidatingAdmissionPolicies: one each for notifications and receivers with the limits of the other admission settings, two that reserve their status for operators, one that limits the account of drills, and one that warns of addresses without effect."""
    body_characters: Annotated[int, Field(ge=1, le=bounds.BODY)] = bounds.BODY
    """Maximum length of `spec.body` in characters."""
    metadata_entries: Annotated[int, Field(ge=0, le=bounds.METADATA_ENTRIES)] = bounds.METADATA_ENTRIES
    """Maximum number of entries of `spec.metadata`."""
    metadata_characters: Annotated[int, Field(ge=0, le=bounds.METADATA_VALUE)] = bounds.METADATA_VALUE
    """Maximum length of a value of `spec.metadata` in characters."""
    action_links: Annotated[int, Field(ge=0, le=bounds.ACTION_LINKS)] = bounds.ACTION_LINKS
    """Maximum number of `spec.actionLinks`."""
    link_schemes: tuple[Scheme, ...] = ("https",)
    """Schemes that the URLs of `spec.actionLinks` can have."""
    channels_by_namespace: bool = False
    """Whether a namespace can name only the channels in its annotation `kubernaut.ai/channels`, such as `console,slack`, and have receivers of these types only."""
    default_channels: tuple[ChannelName, ...] = ("console", "log")
    """For `admissionChannelsByNamespace`: channels of a namespace without the annotation."""
    receiver_recipients: Annotated[int, Field(ge=0, le=bounds.RECEIVER_RECIPIENTS)] = (
        bounds.RECEIVER_RECIPIENTS
    )
    """Maximum number of recipients that a NotificationReceiver names in `spec.email.to` or `spec.sms.to`."""
    receiver_template_characters: Annotated[int, Field(ge=0, le=bounds.RECEIVER_TEMPLATE)] = (
        bounds.RECEIVER_TEMPLATE
    )
    """Maximum length of `spec.template.inline.body` of a NotificationReceiver in characters."""
    status_writers: tuple[UserPattern, ...] = ()
    """Users that can write the status in addition to the operator of this stack, operators that watch the whole cluster, previews and members of `system:masters`, such as `system:serviceaccount:team-a:notification-operator`; `*` stands for any characters. An operator with `watchNamespaces` of another stack needs it."""
