"""The platform as a component for other programs: in Python, and as a component package in every Pulumi language.

Pulumi reads the annotations at run time, so this module does not postpone their evaluation.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pulumi

from platform_infra.bundle import Bundle
from platform_infra.cluster import Connect, Connection
from platform_infra.component_args import NotificationPlatformArgs
from platform_infra.settings.model import Settings, key_of
from platform_infra.settings.problem import Problem
from platform_infra.settings.reader import SettingsError, parse_arguments

CLUSTER_KEYS = ("kubeconfig", "context")
STACK_COMMAND = re.compile(r" with `pulumi config (?:set|rm) [^`]*`")
"""The command in a hint for a stack; a program has arguments and no stack configuration."""


class NotificationPlatform(pulumi.ComponentResource):
    """The notification platform in a cluster: the CRD NotificationRequest, permissions and the operator."""

    namespace: pulumi.Output[str]
    """The operator's namespace."""
    image: pulumi.Output[str]
    """The operator's image; empty if the operator is not deployed."""

    def __init__(
        self, name: str, args: NotificationPlatformArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Check the arguments and create the platform.

        Raises:
            SettingsError: the arguments are invalid; it lists every problem, and no resource has been registered.
            ClusterError: the cluster is not available; no resource has been registered.
        """
        connect = _connection(args)
        settings = _settings(args, own_cluster=connect is not None)
        super().__init__("notification-platform:index:NotificationPlatform", name, {}, opts)
        bundle = Bundle(name, settings=settings, connect=connect, opts=pulumi.ResourceOptions(parent=self))
        self.namespace = bundle.namespace
        self.image = pulumi.Output.from_input(bundle.image)
        self.register_outputs({"namespace": self.namespace, "image": self.image})


def _connection(args: NotificationPlatformArgs) -> Connect | None:
    """Return the connection to the program's own cluster, or None if the settings name a cluster."""
    missing = [key for key in CLUSTER_KEYS if key not in args]
    if len(missing) == len(CLUSTER_KEYS):
        return None
    if missing:
        hint = f"the program's own cluster needs {' and '.join(CLUSTER_KEYS)}"
        raise _error([Problem(key=missing[0], what="is missing", hint=hint)])
    connection = Connection(kubeconfig=args["kubeconfig"], context=args["context"])
    return lambda _opts: connection


def _settings(args: NotificationPlatformArgs, *, own_cluster: bool) -> Settings:
    values = {key_of((key,)): _integer(value) for key, value in args.items() if key not in CLUSTER_KEYS}
    try:
        settings = parse_arguments(values)
    except SettingsError as error:
        raise _error(error.problems) from None
    if own_cluster and settings.operator.enabled and not settings.operator.image:
        hint = "set it to an image that the cluster can pull"
        raise _error([Problem(key="operatorImage", what="is empty", hint=hint)])
    return settings


def _error(problems: Iterable[Problem]) -> SettingsError:
    adapted = [replace(problem, hint=STACK_COMMAND.sub("", problem.hint)) for problem in problems]
    return SettingsError(adapted, "the component's arguments")


def _integer(value: Any) -> Any:  # noqa: ANN401 - a setting can have any type
    """Convert a whole floating-point number to an integer, because the engine transports all numbers as floats."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
