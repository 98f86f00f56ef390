"""How a stack's settings become those of the operator and of the gateway. Pure.

A setting of a stack sets the setting of the operator with the same path, unless it is marked with `Sets`. The gateway has few
settings, which `gateway_settings` names.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from notification_contract.settings import (
    RULES_LATER,
    OperatorSettings,
    declared_settings,
    value_at,
)
from notification_contract.settings import gateway as contract
from platform_infra.settings.declaration import Sets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from notification_contract.settings.operator import Path
    from platform_infra.settings.model import Settings


@cache
def sources(stack: type[BaseModel]) -> Mapping[Path, Path]:
    """Return, for each setting of the operator that a stack sets, the path of the stack's setting."""
    operator = {path for path, _ in declared_settings(OperatorSettings)}
    result: dict[Path, Path] = {}
    for path, field in declared_settings(stack):
        marks = [mark for mark in field.metadata if isinstance(mark, Sets)]
        targets = [tuple(target.split(".")) for mark in marks for target in mark.paths]
        if not marks and path in operator:
            targets = [path]
        result.update(dict.fromkeys(targets, path))
    return MappingProxyType(result)


def operator_settings(settings: BaseModel) -> OperatorSettings:
    """Return the operator's settings as a stack sets them. Rules are not checked: a stack reports them by its keys."""
    tree: dict[str, Any] = {}
    for target, source in sources(type(settings)).items():
        *sections, name = target
        branch = tree
        for section in sections:
            branch = branch.setdefault(section, {})
        branch[name] = value_at(settings, source)
    return OperatorSettings.model_validate(tree, context=RULES_LATER)


def gateway_settings(settings: Settings) -> contract.GatewaySettings:
    """Return the gateway's settings as a stack sets them; what its cluster admits follows from the admission policies.

    The pods fix the address, the port and the files with certificates. Rules are not checked: a stack reports them by its keys.
    """
    stack, admission = settings.gateway, settings.admission
    tree = {
        "gateway": {
            "audience": stack.audience,
            "tenant_sources": stack.tenant_sources,
            "max_sources_per_namespace": stack.max_sources_per_namespace,
            "max_sources": stack.max_sources,
            "namespace_messages_per_second": stack.namespace_messages_per_second,
            "messages_per_second": stack.messages_per_second,
            "allowed_networks": stack.allowed_networks,
            "denied_networks": settings.receivers_denied_networks,
            "allowed_hosts": settings.receivers_allowed_hosts,
            "oidc": stack.oidc.model_dump(include={"issuer", "audience", "username_prefix"}),
            "admitted": admission.model_dump(include=set(contract.Admitted.model_fields)),
            "lease_seconds": stack.lease_seconds,
            "status_interval_seconds": stack.status_interval_seconds,
            "grace_seconds": stack.grace_seconds,
        },
        "server": settings.server.model_dump(),
        "log": settings.log.model_dump(),
    }
    return contract.GatewaySettings.model_validate(tree, context=RULES_LATER)
