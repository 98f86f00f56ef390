"""The NotificationReceivers of a stack, with the Secrets that they refer to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from notification_contract.kinds.receiver import parse_spec
from notification_contract.names import API_VERSION, DEFAULT_RECEIVER_ANNOTATION, RECEIVER_KIND
from platform_infra import names
from platform_infra.children import Children

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from platform_infra.settings.sections.receivers import StackReceiver

COMPONENT = "receivers"
READY_SECONDS = 120
"""How long the operator has to accept a receiver."""
WAIT = {"pulumi.com/waitFor": "condition=Ready"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiversArgs:
    """The receivers, and what must exist before them."""

    namespace: pulumi.Input[str]
    receivers: Sequence[StackReceiver]
    secrets: Mapping[tuple[str, str], pulumi.Input[str]]
    """Values of their Secrets by the name of the Secret and its key."""
    depends_on: Sequence[pulumi.Resource]
    """The CRDs, and the operator, which makes the receivers ready."""


class Receivers(pulumi.ComponentResource):
    """The receivers in the operator's namespace. An update waits until the operator has accepted each of them.

    Every resource is named after its receiver.
    """

    def __init__(self, name: str, *, args: ReceiversArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("notification-platform:index:Receivers", name, None, opts)
        self._child = Children(self, name)
        self._args = args
        # A receiver may refer to the Secret of another one.
        secrets = [
            self._secret(receiver.name, secret, values)
            for receiver in args.receivers
            for secret, values in receiver.secrets.items()
        ]
        for receiver in args.receivers:
            self._receiver(receiver, secrets)
        self.register_outputs({})

    def _secret(self, receiver: str, name: str, keys: Iterable[str]) -> Secret:
        part = f"{receiver}-{name}"
        return Secret(
            self._child.name(part),
            metadata=ObjectMetaArgs(
                name=name,
                namespace=self._args.namespace,
                labels={**names.labels(COMPONENT), names.SECRET_LABEL: "true"},
                annotations=dict(names.WRITE_ONLY),
            ),
            string_data={key: pulumi.Output.secret(self._args.secrets[name, key]) for key in keys},
            opts=self._child.options(),
        )

    def _receiver(self, receiver: StackReceiver, secrets: Sequence[Secret]) -> None:
        default = {DEFAULT_RECEIVER_ANNOTATION: "true"} if receiver.default else {}
        timeout = f"{READY_SECONDS}s"
        options = pulumi.ResourceOptions(
            depends_on=[*self._args.depends_on, *secrets],
            custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout),
        )
        CustomResource(
            self._child.name(receiver.name),
            api_version=API_VERSION,
            kind=RECEIVER_KIND,
            metadata=ObjectMetaArgs(
                name=receiver.name,
                namespace=self._args.namespace,
                labels=names.labels(COMPONENT),
                annotations=WAIT | default,
            ),
            spec=parse_spec(receiver.spec).model_dump(mode="json", by_alias=True, exclude_unset=True),
            opts=self._child.options(options),
        )
