"""The platform as a component for other programs: in Python, and as a component package in every Pulumi language.

Pulumi reads the annotations at run time, so this module does not postpone their evaluation.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pulumi

from platform_infra.bundle import Bundle
from platform_infra.cluster import Connect, Connection
from platform_infra.component_args import NotificationPlatformArgs
from platform_infra.inputs import Arguments, Check, arguments
from platform_infra.settings.inputs import IMAGE
from platform_infra.settings.model import Settings, key_of
from platform_infra.settings.problem import Problem
from platform_infra.settings.reader import SettingsError, parse_arguments

CLUSTER_KEYS = ("kubeconfig", "context")
ADOPT = "adopt_existing"
KIND_KEY = "clusterKind"
STACK_COMMAND = re.compile(r" with `pulumi config (?:set|rm) [^`]*`")
"""The command in a hint for a stack; a program has arguments and no stack configuration."""


class NotificationPlatform(pulumi.ComponentResource):
    """The notification platform in a cluster: the CRDs, permissions and the operator.

    The cluster is that of the Kubernetes provider in the resource options, or that of `kubeconfig` and `context`, or the one
    that `clusterKind` selects. Instances in one cluster need different values of `operatorNamespace`, and all but one of them
    `crdManaged: false`.
    """

    namespace: pulumi.Output[str]
    """The operator's namespace."""
    image: pulumi.Output[str]
    """The operator's image; empty if the operator is not deployed."""
    service_account: pulumi.Output[str]
    """The name of the operator's ServiceAccount, for instance to grant it a role of a cloud."""
    metrics_service: pulumi.Output[str]
    """The name of the Service with the operator's metrics; empty if the operator is not deployed."""
    metrics_url: pulumi.Output[str]
    """The URL of the operator's metrics within the cluster; empty if the operator is not deployed."""
    gateway_url: pulumi.Output[str]
    """The URL of the gateway within the cluster; empty if it is not deployed."""
    crd_names: pulumi.Output[list[str]]
    """The names of the CRDs, known once they exist; with `crdManaged: false` those of their owner."""

    def __init__(
        self, name: str, args: NotificationPlatformArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Check the arguments and create the platform.

        Raises:
            SettingsError: the arguments are invalid; it lists every problem, and no resource has been registered.
            ClusterError: the cluster is not available; no resource has been registered.
        """
        values = {
            key_of((key,)): _integer(value)
            for key, value in args.items()
            if key not in (*CLUSTER_KEYS, ADOPT)
        }
        provider = _own_provider(opts)
        split = arguments(values)
        problems = [*_cluster_problems(args, provider), *_adoption_problems(args, provider), *split.problems]
        connect = None if problems else _connection(args, provider)
        check = partial(_parse, own_cluster=provider is not None or "kubeconfig" in args)
        settings = _settings(split, problems, check)
        super().__init__("notification-platform:index:NotificationPlatform", name, {}, opts)
        bundle = Bundle(
            name,
            settings=settings,
            connect=connect,
            inputs=replace(
                split.inputs(settings, check), instance=name, adopt=args.get("adopt_existing") is True
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        operator, gateway = bundle.operator, bundle.gateway
        self.namespace = bundle.namespace
        self.image = pulumi.Output.from_input(bundle.image)
        self.service_account = bundle.service_account
        self.metrics_service = operator.metrics_service if operator else pulumi.Output.from_input("")
        self.metrics_url = operator.metrics_url if operator else pulumi.Output.from_input("")
        self.gateway_url = gateway.url if gateway else pulumi.Output.from_input("")
        self.crd_names = bundle.crd_names
        outputs = NotificationPlatform.__annotations__
        self.register_outputs({key_of((output,)): getattr(self, output) for output in outputs})


def _own_provider(opts: pulumi.ResourceOptions | None) -> pulumi.ProviderResource | None:
    """Return the Kubernetes provider of the options, or the one that the component inherits from its parent."""
    if opts is None:
        return None
    several = opts.providers or []
    listed = several.values() if isinstance(several, Mapping) else several
    own: list[pulumi.ProviderResource] = [
        each for each in (opts.provider, *listed) if each and each.package == "kubernetes"
    ]
    if own:
        return own[0]
    parent: pulumi.Resource | None = opts.parent
    return parent.get_provider("kubernetes:core/v1:Namespace") if parent else None


def _cluster_problems(
    args: NotificationPlatformArgs, provider: pulumi.ProviderResource | None
) -> list[Problem]:
    """Return the problems of the arguments that select a cluster; exactly one way is allowed."""
    connection_keys = [key for key in CLUSTER_KEYS if key in args]
    if connection_keys and len(connection_keys) < len(CLUSTER_KEYS):
        (missing,) = set(CLUSTER_KEYS) - set(connection_keys)
        hint = f"the program's own cluster needs {' and '.join(CLUSTER_KEYS)}"
        return [Problem(key=missing, what="is missing", hint=hint)]
    if provider and connection_keys:
        hint = "remove kubeconfig and context, or the provider"
        return [
            Problem(key="kubeconfig", what="is set in addition to the component's own provider", hint=hint)
        ]
    if (provider or connection_keys) and "cluster_kind" in args:
        hint = f"remove it, or {'the provider' if provider else 'kubeconfig and context'}"
        return [
            Problem(key=KIND_KEY, what="is set, but the program already connects to a cluster", hint=hint)
        ]
    if not provider and not connection_keys and "cluster_kind" not in args:
        hint = (
            "pass a Kubernetes provider in the component's options (`providers`), or set kubeconfig and context; for a "
            "cluster of the settings, set clusterKind, for instance to `local`"
        )
        return [Problem(key=KIND_KEY, what="is missing, and the program names no cluster", hint=hint)]
    return []


def _adoption_problems(
    args: NotificationPlatformArgs, provider: pulumi.ProviderResource | None
) -> list[Problem]:
    """Return the problem of `adoptExisting`, if it has one."""
    key, value = key_of((ADOPT,)), args.get(ADOPT, False)
    if not isinstance(value, bool):
        return [Problem(key=key, what=f"is {value!r}, but should be true or false", hint="correct it")]
    if value and provider:
        hint = (
            "set upsertExistingObjects of that provider (version 4.29 and later; earlier ones always adopt)"
        )
        return [Problem(key=key, what="is true, but the component has its own provider", hint=hint)]
    return []


def _connection(args: NotificationPlatformArgs, provider: pulumi.ProviderResource | None) -> Connect | None:
    """Return the connection to the program's own cluster, or None if the settings select a cluster."""
    if provider:
        connection = Connection(kubeconfig="", context="", provider=provider)
    elif "kubeconfig" in args:
        connection = Connection(kubeconfig=args["kubeconfig"], context=args["context"], shared=True)
    else:
        return None
    return lambda _child: connection


def _settings(split: Arguments, problems: list[Problem], check: Check) -> Settings:
    """Return the checked settings.

    Raises:
        SettingsError: with all problems.
    """
    try:
        settings = check(split.known)
    except SettingsError as error:
        raise _error([*problems, *error.problems]) from None
    if problems:
        raise _error(problems)
    return settings


def _parse(values: Mapping[str, Any], *, own_cluster: bool) -> Settings:
    """Return the settings of values by key.

    Raises:
        SettingsError: with all problems.
    """
    try:
        settings = parse_arguments(values)
    except SettingsError as error:
        raise _error(error.problems) from None
    if own_cluster and settings.operator.enabled and not settings.operator.image:
        hint = "set it to an image that the cluster can pull"
        raise _error([Problem(key=IMAGE, what="is empty", hint=hint)])
    return settings


def _error(problems: Iterable[Problem]) -> SettingsError:
    adapted = [replace(problem, hint=STACK_COMMAND.sub("", problem.hint)) for problem in problems]
    return SettingsError(adapted, "the component's arguments")


def _integer(value: Any) -> Any:  # noqa: ANN401 - a setting can have any type
    """Convert a whole floating-point number to an integer, because the engine transports all numbers as floats."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
