"""The admission policy of NotificationReceivers, as CEL expressions. Pure.

The operator checks every address again when it connects (DD-CHANNELS-001): a name can lead to any address, and this policy
reads only what is written. It tells users early.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from notification_contract.kinds.channel_types import CHANNEL_TYPES
from platform_infra import names
from platform_infra.admission.policy import ALLOWED_CHANNELS, CHANNELS_ANNOTATION, Check, Policy

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

LOCAL: Final = r"^(.+\\.)?localhost\\.?$|^(0|10|127)(\\.[0-9]{1,3}){3}\\.?$"
SHARED: Final = r"100\\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])"
"""Addresses of carriers and clouds: 100.64.0.0/10."""
TWO_NUMBERS: Final = rf"169\\.254|192\\.168|172\\.(1[6-9]|2[0-9]|3[01])|{SHARED}"
PRIVATE: Final = rf"{LOCAL}|^({TWO_NUMBERS})(\\.[0-9]{{1,3}}){{2}}\\.?$"
"""Names and IPv4 addresses of this host, of private networks, and of a link."""
NUMBER: Final = r"(^|\\.)(0x[0-9a-f]*|[0-9]+)\\.?$"
"""The end of an IPv4 address in any spelling, such as `127.1` or `0x7f000001`."""
FOUR_NUMBERS: Final = r"^(0|[1-9][0-9]{0,2})(\\.(0|[1-9][0-9]{0,2})){3}$"
PUBLIC_IPV6: Final = r"^[23][0-9a-f]{3}:"
CONTAINS_IPV4: Final = r"^(2002|2001:0{0,4}):"
"""6to4 and Teredo: IPv6 addresses that lead to an IPv4 address."""


def _has(path: str) -> str:
    """Return an expression that is true if every part of a path below the spec is present."""
    parts = path.split(".")
    return " && ".join(f"has(object.spec.{'.'.join(parts[: end + 1])})" for end in range(len(parts)))


def _restricted() -> str:
    """Return an expression for the list of the restricted fields that a receiver has."""
    blocks = {name: each.block for name, each in CHANNEL_TYPES.items() if each.block}
    conditions = {
        path: f"{_has(path)} && {_in_use(path, field)}"
        for name, block in blocks.items()
        for field, path in (
            (block.model_fields[each], f"{name}.{alias}") for each, alias in block.restricted_fields()
        )
    }
    whole = (name for name, block in blocks.items() if block.restricted_as_a_whole)
    conditions |= {name: _has(name) for name in (*whole, "proxySecretRef")}
    return " + ".join(f"({condition} ? ['{name}'] : [])" for name, condition in conditions.items())


def _in_use(path: str, field: FieldInfo) -> str:
    """Return an expression that is true if a field that is present restricts the receiver."""
    value = f"object.spec.{path}"
    return value if field.annotation is bool else f"size({value}) > 0"


def _recipients() -> str:
    """Return an expression for the recipients that a receiver names."""
    expression = "[]"
    for name in reversed([name for name, each in CHANNEL_TYPES.items() if each.address]):
        expression = f"{_has(f'{name}.to')} ? object.spec.{name}.to : ({expression})"
    return expression


HOME: Final = (
    "object.metadata.namespace == params.metadata.namespace || "
    "(has(namespaceObject.metadata.labels) && "
    + " && ".join(
        f"'{key}' in namespaceObject.metadata.labels && namespaceObject.metadata.labels['{key}'] == '{value}'"
        for key, value in names.labels("namespace").items()
        if key in {"app.kubernetes.io/name", "app.kubernetes.io/component"}
    )
    + ")"
)
"""Whether the namespace is that of an operator: of the stack, of another stack, or of a preview."""
ELSEWHERE: Final = "create the NotificationReceiver in the namespace of the operator"

RECEIVERS: Final = Policy(
    name="notification-receivers",
    resource=names.RECEIVER_PLURAL,
    operations=("CREATE", "UPDATE"),
    # Labels and annotations of a stored receiver can always be changed, and a finalizer can be removed.
    conditions={"spec-changes": "request.operation == 'CREATE' || object.spec != oldObject.spec"},
    variables={
        "home": HOME,
        "restricted": _restricted(),
        "url": f"{_has('webhook.url')} ? object.spec.webhook.url : ''",
        "insecure": f"{_has('webhook.insecure')} && object.spec.webhook.insecure",
        "scheme": "variables.url.split('://')[0].lowerAscii()",
        "urlHost": "isURL(variables.url) ? url(variables.url).getHostname().lowerAscii() : ''",
        "field": f"{_has('email.host')} ? 'spec.email.host' : 'spec.webhook.url'",
        "host": f"{_has('email.host')} ? object.spec.email.host.lowerAscii() : variables.urlHost",
        "private": (
            f"variables.host.matches('{PRIVATE}') || "
            f"(variables.host.matches('{NUMBER}') && !variables.host.matches('{FOUR_NUMBERS}')) || "
            f"(variables.host.contains(':') && (!variables.host.matches('{PUBLIC_IPV6}') || "
            f"variables.host.matches('{CONTAINS_IPV4}')))"
        ),
        "recipients": _recipients(),
        "template": f"{_has('template.inline.body')} ? size(object.spec.template.inline.body) : 0",
        **ALLOWED_CHANNELS,
    },
    checks=(
        Check(
            expression="variables.home || size(variables.restricted) == 0",
            message=(
                "'spec.' + variables.restricted[0] + ' is accepted in the namespace of the operator only, not in ' + "
                f"object.metadata.namespace + '; remove it, or {ELSEWHERE}'"
            ),
        ),
        Check(
            expression="variables.url == '' || variables.urlHost != ''",
            message="'spec.webhook.url is not an absolute URL with a host; write it like https://example.com/path'",
        ),
        Check(
            expression=(
                "variables.url == '' || variables.scheme == 'https' || "
                "(variables.scheme == 'http' && variables.insecure)"
            ),
            message=(
                "'spec.webhook.url has the scheme ' + (size(variables.scheme) > 20 ? variables.scheme.substring(0, 20) : "
                "variables.scheme) + ', but only https is accepted; use https, or, in the namespace of the operator, set "
                "spec.webhook.insecure for http'"
            ),
        ),
        Check(
            expression=r"!variables.url.matches('^[^:]*://[^/?#]*@')",
            message=(
                "'spec.webhook.url contains a user name or a password; put them into a header with "
                "spec.webhook.headersSecretRef'"
            ),
        ),
        Check(
            expression="variables.home || !variables.private",
            message=(
                "variables.field + ' leads to ' + variables.host + ', which is a private, loopback or link-local address, or "
                f"an unusual spelling of an address; use a public name, or {ELSEWHERE} with allowedNetworks'"
            ),
        ),
        Check(
            expression="size(variables.recipients) <= int(params.data.receiverRecipients)",
            message=(
                "'spec.' + object.spec.type + '.to has ' + string(size(variables.recipients)) + ' entries, but at most ' + "
                "params.data.receiverRecipients + ' are accepted; remove some, or use a distribution list'"
            ),
        ),
        Check(
            expression="variables.template <= int(params.data.receiverTemplateCharacters)",
            message=(
                "'spec.template.inline.body has ' + string(variables.template) + ' characters, but at most ' + "
                "params.data.receiverTemplateCharacters + ' are accepted; shorten it, or use spec.template.configMapRef'"
            ),
        ),
        Check(
            expression=(
                "params.data.channelsByNamespace != 'true' || variables.home || object.spec.type in variables.allowed"
            ),
            message=(
                "'spec.type is ' + object.spec.type + ', but the namespace ' + object.metadata.namespace + ' can use only ' + "
                "variables.listed + '; use one of them, or let an administrator add the type to the annotation "
                f"{CHANNELS_ANNOTATION} of the namespace'"
            ),
        ),
    ),
    reason="Invalid",
)
