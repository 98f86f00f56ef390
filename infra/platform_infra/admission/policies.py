"""The admission policies, as CEL expressions. Pure.

The API server evaluates them; no webhook takes part. The limits come from a ConfigMap, so a change of a limit changes no
policy.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.target import WITHOUT_EFFECT, without_effect
from notification_contract.names import DRILL_LABEL
from platform_infra import names
from platform_infra.admission.policy import (
    ALLOWED_CHANNELS,
    CHANNELS_ANNOTATION,
    Check,
    Policy,
    status_policy,
)
from platform_infra.admission.receivers import RECEIVERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from platform_infra.settings.sections.admission import Admission

MAX_LABELS: Final = 64
ONLY_DRILLS: Final = (
    f"the account {names.DRILL} can create drills alone: with the label {DRILL_LABEL}, one receiver of the "
    "namespace of the notification, and no other target"
)


REQUESTS: Final = Policy(
    name="notification-requests",
    resource=names.PLURAL,
    # The spec never changes, and labels of a stored notification can still be corrected.
    operations=("CREATE",),
    conditions={},
    variables={
        "metadata": "has(object.spec.metadata) ? object.spec.metadata : {}",
        "links": "has(object.spec.actionLinks) ? object.spec.actionLinks : []",
        "schemes": "params.data.linkSchemes.split(',')",
        "foreign": "variables.links.filter(link, !variables.schemes.exists(s, link.url.startsWith(s + '://')))",
        **ALLOWED_CHANNELS,
        "channels": "has(object.spec.channels) ? object.spec.channels : []",
        "refused": "variables.channels.filter(name, !(name in variables.allowed))",
        "reference": (
            "has(object.spec.remediationRequestRef) && has(object.spec.remediationRequestRef.namespace) ? "
            "object.spec.remediationRequestRef.namespace : ''"
        ),
    },
    checks=(
        Check(
            expression="size(object.spec.body) <= int(params.data.bodyCharacters)",
            message=(
                "'spec.body has ' + string(size(object.spec.body)) + ' characters, but at most ' + "
                "params.data.bodyCharacters + ' are accepted; shorten it and link to the whole text in spec.actionLinks'"
            ),
        ),
        Check(
            expression="size(variables.metadata) <= int(params.data.metadataEntries)",
            message=(
                "'spec.metadata has ' + string(size(variables.metadata)) + ' entries, but at most ' + "
                "params.data.metadataEntries + ' are accepted; remove some'"
            ),
        ),
        Check(
            expression=(
                "variables.metadata.all(name, size(variables.metadata[name]) <= int(params.data.metadataCharacters))"
            ),
            message=(
                "'a value in spec.metadata has more than ' + params.data.metadataCharacters + ' characters; shorten it'"
            ),
        ),
        Check(
            expression="size(variables.links) <= int(params.data.actionLinks)",
            message=(
                "'spec.actionLinks has ' + string(size(variables.links)) + ' entries, but at most ' + "
                "params.data.actionLinks + ' are accepted; remove some'"
            ),
        ),
        Check(
            expression="size(variables.foreign) == 0",
            message=(
                "'spec.actionLinks contains the URL ' + (size(variables.foreign[0].url) > 80 ? "
                "variables.foreign[0].url.substring(0, 80) + '…' : variables.foreign[0].url) + "
                "', but only the schemes ' + params.data.linkSchemes + ' are accepted; use one of them'"
            ),
        ),
        Check(
            expression="params.data.channelsByNamespace != 'true' || size(variables.refused) == 0",
            message=(
                "'spec.channels contains ' + variables.refused[0] + ', but the namespace ' + "
                "object.metadata.namespace + ' can use only ' + variables.listed + '; remove the channel, or let an "
                f"administrator add it to the annotation {CHANNELS_ANNOTATION} of the namespace'"
            ),
        ),
        Check(
            expression="variables.reference == '' || variables.reference == object.metadata.namespace",
            message=(
                "'spec.remediationRequestRef.namespace is ' + variables.reference + ', but a notification can refer "
                "only to an object in its namespace ' + object.metadata.namespace + '; create it there, or remove "
                "the field'"
            ),
        ),
        Check(
            expression=f"!has(object.metadata.labels) || size(object.metadata.labels) <= {MAX_LABELS}",
            message=f"'metadata.labels has more than {MAX_LABELS} entries; remove some'",
        ),
    ),
    reason="Invalid",
)
WARNINGS: Final = Policy(
    name="notification-requests-warnings",
    resource=names.PLURAL,
    operations=("CREATE",),
    conditions={},
    variables={"recipients": "has(object.spec.recipients) ? object.spec.recipients : []"},
    checks=tuple(
        Check(
            expression=f"!variables.recipients.exists(each, has(each.{field}) && each.{field} != '')",
            message=f"'{without_effect(field)}'",
        )
        for field in WITHOUT_EFFECT
    ),
    reason="Invalid",
    actions=("Warn",),
    has_limits=False,
)
STATUS: Final = status_policy(
    "notification-requests-status",
    names.PLURAL,
    "what the notification-operator has delivered; to send the message again, create a new NotificationRequest",
)
RECEIVER_STATUS: Final = status_policy(
    "notification-receivers-status",
    names.RECEIVER_PLURAL,
    "what the notification-operator knows of the receiver; to change the receiver, change its spec",
)
SOURCE_STATUS: Final = status_policy(
    "notification-sources-status",
    names.SOURCE_PLURAL,
    "what the gateway has received and the notification-operator has missed; to change the source, change its spec",
    gateway=True,
)
DRILLS: Final = Policy(
    name="notification-drills",
    resource=names.PLURAL,
    operations=("CREATE",),
    # Accounts of any namespace, because every stack of the cluster has one. The policy takes rights away and gives none.
    conditions={
        "drill": f"request.userInfo.username.matches('^system:serviceaccount:[a-z0-9-]+:{names.DRILL}$')"
    },
    variables={
        "labels": "has(object.metadata.labels) ? object.metadata.labels : {}",
        "receivers": "has(object.spec.receiverRefs) ? object.spec.receiverRefs : []",
        "others": (
            "(has(object.spec.channels) ? size(object.spec.channels) : 0) + "
            "(has(object.spec.recipients) ? size(object.spec.recipients) : 0)"
        ),
    },
    checks=(
        Check(
            expression=f"'{DRILL_LABEL}' in variables.labels",
            message=f"'the notification has no label {DRILL_LABEL}, but {ONLY_DRILLS}'",
        ),
        Check(
            expression=(
                "size(variables.receivers) == 1 && variables.receivers.all(each, !has(each.namespace) || "
                "each.namespace == object.metadata.namespace)"
            ),
            message=(
                "'spec.receiverRefs does not name exactly one receiver of the namespace ' + object.metadata.namespace + "
                f"', but {ONLY_DRILLS}'"
            ),
        ),
        Check(
            expression="variables.others == 0",
            message=f"'the notification names channels or recipients, but {ONLY_DRILLS}'",
        ),
    ),
    reason="Forbidden",
    has_limits=False,
)
POLICIES: Final = (REQUESTS, WARNINGS, DRILLS, STATUS, RECEIVERS, RECEIVER_STATUS, SOURCE_STATUS)


PREVIEW: Final = "pr-[1-9][0-9]*"
"""The namespaces of previews, as a regular expression."""


def parameters(admission: Admission, *, home: str, previews: bool) -> dict[str, str]:
    """Return the data of the ConfigMap that the policies read.

    `home` is the namespace of the stack's operator. With `previews`, operators of previews write a status, too.
    """
    namespaces = "|".join([re.escape(home), *([PREVIEW] if previews else [])])
    operators = f"system:serviceaccount:({namespaces}):{names.OPERATOR}"
    gateway = f"system:serviceaccount:{re.escape(home)}:{names.GATEWAY}"
    return {
        "bodyCharacters": str(admission.body_characters),
        "metadataEntries": str(admission.metadata_entries),
        "metadataCharacters": str(admission.metadata_characters),
        "actionLinks": str(admission.action_links),
        "linkSchemes": ",".join(admission.link_schemes),
        "channelsByNamespace": str(admission.channels_by_namespace).lower(),
        "defaultChannels": ",".join(admission.default_channels),
        "receiverRecipients": str(admission.receiver_recipients),
        "receiverTemplateCharacters": str(admission.receiver_template_characters),
        "operators": f"^{operators}$",
        "sourceWriters": f"^({operators}|{gateway})$",
        "statusWriters": pattern(admission.status_writers),
    }


def pattern(users: Iterable[str]) -> str:
    """Return a regular expression of these users, in which `*` stands for any characters; of none without users."""
    expressions = (re.escape(user).replace(r"\*", ".*") for user in users)
    return f"^({'|'.join(expressions)})$"
