"""Values of settings that may be outputs of other resources, in the program's arguments and for the resources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pulumi

from platform_infra.settings.inputs import (
    IMAGE,
    INPUT_TYPES,
    MONITORING_LABELS,
    PLACEHOLDERS,
    RECEIVERS,
    REGISTRY_PASSWORD,
    REGISTRY_USERNAME,
    SECRET_PLACEHOLDER,
    SLACK_URL,
)
from platform_infra.settings.problem import Problem

if TYPE_CHECKING:
    from platform_infra.settings.model import Settings

Check = Callable[[Mapping[str, Any]], "Settings"]
"""Checks the values of all settings by key; raises SettingsError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The values that resources get, which the program or the engine knows."""

    instance: str = ""
    """The name of the component's instance, which is part of the owner of its objects; empty in the platform's own program."""
    adopt: bool = False
    """Whether the program takes over objects that exist in the cluster and are in no state."""
    image: pulumi.Input[str]
    slack_url: pulumi.Input[str]
    registry_username: pulumi.Input[str]
    registry_password: pulumi.Input[str]
    monitoring_labels: pulumi.Input[Mapping[str, str]]
    secrets: Mapping[tuple[str, str], pulumi.Input[str]]
    """Values of the receivers' Secrets by the name of the Secret and its key."""

    @classmethod
    def of(cls, settings: Settings) -> Inputs:
        """Return the values of settings that are all known."""
        registry = settings.operator.registry
        return cls(
            image=settings.operator.image,
            slack_url=settings.channels.slack.url,
            registry_username=registry.username,
            registry_password=registry.password.get_secret_value() if registry.password else "",
            monitoring_labels=settings.monitoring.labels,
            secrets={
                (name, key): value.get_secret_value()
                for receiver in settings.receivers
                for name, values in receiver.secrets.items()
                for key, value in values.items()
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """The arguments of a program by key, with a placeholder for each output."""

    known: Mapping[str, Any]
    """Values that can be checked before any resource is registered."""
    outputs: Mapping[str, pulumi.Output[Any]]
    """Outputs by the key of their setting."""
    secrets: Mapping[tuple[str, str], pulumi.Output[str]]
    """Outputs in the Secrets of receivers."""
    problems: tuple[Problem, ...]
    """Outputs where a value must be known."""

    def inputs(self, settings: Settings, check: Check) -> Inputs:
        """Return what resources get. Each output is checked like a known value as soon as the engine knows it."""
        checked = {
            key: output.apply(partial(_checked, check, self.known, key))
            for key, output in self.outputs.items()
        }
        known = Inputs.of(settings)
        return replace(
            known,
            image=checked.get(IMAGE, known.image),
            slack_url=checked.get(SLACK_URL, known.slack_url),
            registry_username=checked.get(REGISTRY_USERNAME, known.registry_username),
            registry_password=checked.get(REGISTRY_PASSWORD, known.registry_password),
            monitoring_labels=checked.get(MONITORING_LABELS, known.monitoring_labels),
            secrets={**known.secrets, **self.secrets},
        )


def arguments(values: Mapping[str, Any]) -> Arguments:
    """Separate the arguments of a program, by key, into known values and outputs."""
    known = dict(values)
    outputs = {key: pulumi.Output.from_input(value) for key, value in values.items() if _has_output(value)}
    secrets: dict[tuple[str, str], pulumi.Output[str]] = {}
    if RECEIVERS in outputs and isinstance(values[RECEIVERS], list):
        known[RECEIVERS], secrets = _receivers(values[RECEIVERS])
        if not _has_output(known[RECEIVERS]):
            del outputs[RECEIVERS]
    problems = tuple(_must_be_known(key) for key in outputs if key not in INPUT_TYPES)
    known |= {key: PLACEHOLDERS[key] for key in outputs if key in PLACEHOLDERS}
    for problem in problems:
        del known[problem.key]
    return Arguments(
        known=known,
        outputs={key: output for key, output in outputs.items() if key in INPUT_TYPES},
        secrets=secrets,
        problems=problems,
    )


def _receivers(entries: list[Any]) -> tuple[list[Any], dict[tuple[str, str], pulumi.Output[str]]]:
    """Return receivers with a placeholder for each output in their Secrets, and these outputs."""
    outputs: dict[tuple[str, str], pulumi.Output[str]] = {}

    def known(name: str, key: str, value: Any) -> Any:  # noqa: ANN401 - the settings check the type
        if not isinstance(value, pulumi.Output):
            return value
        outputs[name, key] = value
        return SECRET_PLACEHOLDER

    def receiver(entry: Any) -> Any:  # noqa: ANN401 - likewise
        if not isinstance(entry, dict) or not isinstance(entry.get("secrets"), dict):
            return entry
        secrets = {
            name: {key: known(name, key, value) for key, value in values.items()}
            if isinstance(values, dict)
            else values
            for name, values in entry["secrets"].items()
        }
        return {**entry, "secrets": secrets}

    return [receiver(entry) for entry in entries], outputs


def _must_be_known(key: str) -> Problem:
    where = "; in receivers, only the values in `secrets` can be outputs" if key == RECEIVERS else ""
    return Problem(
        key=key,
        what="is an output of another resource, but it decides which resources are created",
        hint=f"pass a value that is known when the program starts{where}",
    )


def _has_output(value: Any) -> bool:  # noqa: ANN401 - any argument
    if isinstance(value, dict):
        return any(map(_has_output, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_output, value))
    return isinstance(value, pulumi.Output)


def _checked(check: Check, known: Mapping[str, Any], key: str, value: Any) -> Any:  # noqa: ANN401 - any setting
    """Return a value after the check of all settings with it.

    Raises:
        SettingsError: the value is invalid.
    """
    check({**known, key: value})
    return value
