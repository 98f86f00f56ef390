"""What the state of a stack records about its secrets, for a checkout that does not have the stack's file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi.automation import StackNotFoundError

from tools.platform.pulumi.stack_file import StackFileError
from tools.platform.pulumi.state.backend import backend_url, folder_of
from tools.platform.pulumi.state.protection import UnprotectedSecretsError, check_secrets
from tools.platform.pulumi.workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.localcluster.toolchain import Toolchain


def check_protection(
    name: str,
    *,
    config: Mapping[str, Any] | None = None,
    provider: str = "",
    toolchain: Toolchain | None = None,
) -> None:
    """Do as `check_secrets`; for a stack that exists, the secrets provider in its state counts, too.

    Raises:
        StackFileError: its state or its secrets would not be protected; nothing has been changed.
    """
    try:
        check_secrets(name, config=config, provider=provider)
    except UnprotectedSecretsError:
        folder = folder_of(backend_url(name, config=config))
        # A question would create the folder.
        if (folder is not None and not folder.exists()) or not recorded_provider(name, config, toolchain):
            raise


def recorded_provider(
    name: str, config: Mapping[str, Any] | None = None, toolchain: Toolchain | None = None
) -> str:
    """Return the secrets provider of a stack by its state; empty for a passphrase, and for a stack that does not exist."""
    return _recorded(name, config, toolchain) or ""


def check_provider(name: str, chosen: str) -> None:
    """Check that a stack which exists has the chosen secrets provider; without a choice, any is right.

    Raises:
        StackFileError: it has another one.
    """
    if not chosen or (present := _recorded(name)) in {None, chosen}:
        return
    raise StackFileError(
        f"{name}: its secrets provider is {present or 'a passphrase'}, and not {chosen}",
        hint="leave --secrets-provider out, or change the provider with "
        f"`pulumi stack change-secrets-provider '{chosen}' --stack {name}`",
    )


def _recorded(
    name: str, config: Mapping[str, Any] | None = None, toolchain: Toolchain | None = None
) -> str | None:
    """Return the secrets provider of a stack by its state; None for a stack that does not exist."""
    try:
        return workspace(toolchain, stack=name, config=config).recorded_provider(name)
    except StackNotFoundError:
        return None
