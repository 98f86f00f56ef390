"""Stacks of a backend, with their configuration and tags: open, select, list, remove."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any, cast

from pulumi import automation as auto
from pydantic import SecretStr

from platform_infra.names import PROJECT
from tools.platform.pulumi.engine import environment_values, workspace
from tools.platform.pulumi.environment import STATE, STATE_FOLDER
from tools.platform.pulumi.stack_file import (
    check_configuration,
    check_name,
    check_stack_file,
    encrypted_keys,
    has_file,
    hidden_keys,
    imports_environments,
)
from tools.platform.pulumi.state.backend import URL, backend_url, folder_of, login_url, use_backend_of
from tools.platform.pulumi.state.protection import check_protection, named_provider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_infra.settings.model import Settings
    from tools.platform.pulumi.engine import Workspace


def open_stack(
    name: str,
    *,
    config: Mapping[str, Any] | None = None,
    secrets_provider: str = "",
) -> auto.Stack:
    """Select the stack, or create it; `config` is written to its file, by key without the project's name.

    A new stack gets the secrets provider, or that of its file, or else a passphrase.
    """
    return open_with_settings(name, config=config, secrets_provider=secrets_provider)[0]


def open_with_settings(
    name: str,
    *,
    config: Mapping[str, Any] | None = None,
    secrets_provider: str = "",
    create: bool = True,
) -> tuple[auto.Stack, Settings]:
    """Do as `open_stack`, and return the settings too; with `create=False` a missing stack is an error.

    Raises:
        UnknownStackError: the stack does not exist, and has neither a file nor `config`.
        StackFileError: the configuration cannot be used; the stack has not been created or updated.
        StackNotFoundError: the stack does not exist, and `create` is false.
    """
    check_protection(name, config=config, provider=secrets_provider)
    provider = secrets_provider or named_provider(name)
    place = workspace(stack=name, config=config, secrets_provider=provider)
    try:
        entries = place.resolved_config(name)
    except auto.StackNotFoundError:
        if not create:
            raise
        if not config:
            check_name(name)
        if not config and not imports_environments(name):
            check_stack_file(name)
        place.create_stack(name)
        entries = place.resolved_config(name)
    stack = auto.Stack.select(name, place)
    if config:
        configure(stack, {key: entry(value) for key, value in config.items()})
        entries = place.resolved_config(name)
    return stack, check_configuration(name, entries)


def resolved_settings(name: str, *, asks_cluster: bool = True) -> Settings:
    """Return the settings of a stack as its program gets them, without a change of the backend; the engine resolves environments.

    Work that asks no cluster needs no setting that selects one.

    Raises:
        StackFileError: they cannot be used, or the stack imports environments and does not exist yet.
    """
    entries = environment_values(name)
    if entries is None:
        return check_stack_file(name, asks_cluster=asks_cluster)
    return check_configuration(name, entries, asks_cluster=asks_cluster)


def encrypted_settings(name: str) -> set[str]:
    """Return the settings of a stack with an encrypted value or part, which `resolved_settings` does not contain."""
    entries = environment_values(name)
    return encrypted_keys(name) if entries is None else hidden_keys(entries)


def check_resolved(stack: auto.Stack) -> Settings:
    """Check the present configuration of a stack, as the engine resolves it, and return the settings.

    Raises:
        StackFileError: it cannot be used.
    """
    return check_configuration(stack.name, place_of(stack).resolved_config(stack.name))


def select_stack(name: str) -> auto.Stack:
    """Select a stack without a check of its configuration."""
    check_protection(name)
    return auto.Stack.select(name, workspace(stack=name))


def entry(value: Any, *, secret: bool = False) -> dict[str, Any]:  # noqa: ANN401 - any value of a stack's file
    """Return a value as `pulumi config --json` shows it: lists and maps as objects, the rest as text; a SecretStr is encrypted."""
    if isinstance(value, SecretStr):
        return entry(value.get_secret_value(), secret=True)
    whole = {"objectValue": value} if isinstance(value, list | dict) else {}
    return {"value": value if isinstance(value, str) else json.dumps(value), **whole, "secret": secret}


def configure(stack: auto.Stack, values: Mapping[str, dict[str, Any]]) -> None:
    """Write values to the stack's file by key; each has the form of `entry`."""
    plain = {key: value for key, value in values.items() if not value["secret"]}
    if plain:
        stack.set_all_config_json(json.dumps(plain))
    for key in values.keys() - plain.keys():
        place_of(stack).set_secret(stack.name, key, values[key]["value"])


def outputs(stack: auto.Stack) -> dict[str, Any]:
    return {key: output.value for key, output in stack.outputs().items()}


def remove(stack: auto.Stack, *, force: bool = False, generated: bool = False) -> None:
    """Remove a destroyed stack from the backend; its file stays unless a command `generated` it.

    The copies of its state are removed for a generated stack, and for any stack in the embedded backend. With `force` a stack
    that still lists resources is removed too: they disappeared with their cluster.
    """
    place = place_of(stack)
    folder = folder_of(place.backend)
    copies = generated or folder == STATE_FOLDER
    options = {"--force": force, "--preserve-config": not generated, "--remove-backups": copies}
    place.remove(stack.name, *(option for option, chosen in options.items() if chosen))
    if folder is not None and copies:
        # The engine leaves them empty.
        for kind in ("backups", "history", "locks/organization"):
            shutil.rmtree(folder / ".pulumi" / kind / PROJECT / stack.name, ignore_errors=True)


def place_of(stack: auto.Stack) -> Workspace:
    return cast("Workspace", stack.workspace)


def exists(name: str) -> bool:
    return name in known_stacks(stack=name)


def known_stacks(*, stack: str = "") -> set[str]:
    """Return the names of all stacks in the backend of a stack; without one, in that of commands on no stack in particular."""
    return {summary.name for summary in workspace(stack=stack).list_stacks()}


def use_backend_with(name: str) -> None:
    """Let this process use the backend of a stack: one without a file may be a shared one, whose backend is that of the login."""
    if not (os.environ.get(URL) or has_file(name)) and (login := login_url()):
        embedded = known_stacks(stack=name) if STATE_FOLDER.exists() else ()
        os.environ[URL] = STATE if name in embedded else login
    use_backend_of(name)


def check_exists(name: str) -> None:
    """Check that the stack has a file, or a state in its backend."""
    if has_file(name):
        return
    folder = folder_of(backend_url(name))
    # A question would create the folder.
    there = folder is None or folder.exists()
    check_name(name, recorded=known_stacks(stack=name) if there else ())


def tag(stack: auto.Stack, wanted: Mapping[str, str]) -> None:
    """Set these tags of the stack; every backend stores them, and an interrupted `up` does not lose them."""
    present = stack.list_tags()
    for key, value in wanted.items():
        if present.get(key) != value:
            stack.set_tag(key, value)


def tags(name: str) -> dict[str, str]:
    return dict(workspace(stack=name).list_tags(name))


def outputs_of(name: str) -> dict[str, Any]:
    values = workspace(stack=name).stack_outputs(name)
    return {key: output.value for key, output in values.items()}
