"""The platform as a component for programs of others, in Python and, as a component package, in every language of Pulumi's.

Pulumi reads the annotations at run time, so none is postponed here.
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

CLUSTER = ("kubeconfig", "context")
COMMAND = re.compile(r" with `pulumi config (?:set|rm) [^`]*`")
"""What a stack's user would type: a program has its arguments instead."""


class NotificationPlatform(pulumi.ComponentResource):
    """The notification platform in a cluster: the kind NotificationRequest, permissions, and the operator that delivers."""

    namespace: pulumi.Output[str]
    """The namespace that the operator runs in."""
    image: pulumi.Output[str]
    """The operator's image; empty where the operator is not deployed."""

    def __init__(
        self, name: str, args: NotificationPlatformArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Check the arguments, and make the platform.

        Raises:
            SettingsError: they cannot be used; lists every problem found, and no resource has been made.
            ClusterError: the cluster cannot be had; likewise.
        """
        connect = _connection(args)
        settings = _settings(args, brought=connect is not None)
        super().__init__("notification-platform:index:NotificationPlatform", name, {}, opts)
        bundle = Bundle(name, settings=settings, connect=connect, opts=pulumi.ResourceOptions(parent=self))
        self.namespace = bundle.namespace
        self.image = pulumi.Output.from_input(bundle.image)
        self.register_outputs({"namespace": self.namespace, "image": self.image})


def _connection(args: NotificationPlatformArgs) -> Connect | None:
    """Return the connection that the program brings, if it does."""
    missing = [key for key in CLUSTER if key not in args]
    if len(missing) == len(CLUSTER):
        return None
    if missing:
        hint = f"a cluster that the program brings takes {' and '.join(CLUSTER)}"
        raise _refusal([Problem(key=missing[0], what="is missing", hint=hint)])
    connection = Connection(kubeconfig=args["kubeconfig"], context=args["context"])
    return lambda _opts: connection


def _settings(args: NotificationPlatformArgs, *, brought: bool) -> Settings:
    values = {key_of((key,)): _whole(value) for key, value in args.items() if key not in CLUSTER}
    try:
        settings = parse_arguments(values)
    except SettingsError as error:
        raise _refusal(error.problems) from None
    if brought and settings.operator.enabled and not settings.operator.image:
        hint = "name an image that the cluster can pull"
        raise _refusal([Problem(key="operatorImage", what="is empty", hint=hint)])
    return settings


def _refusal(problems: Iterable[Problem]) -> SettingsError:
    told = [replace(problem, hint=COMMAND.sub("", problem.hint)) for problem in problems]
    return SettingsError(told, "the component's arguments")


def _whole(value: Any) -> Any:  # noqa: ANN401 - any setting's value
    """Undo what the way through the engine does to integers: it knows floating-point numbers alone."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
