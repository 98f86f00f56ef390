"""Whether state and secrets of a stack are protected: which backend holds its state, what encrypts its secrets, and what its state records."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi.automation import StackNotFoundError

from tools.platform.pulumi.engine import workspace
from tools.platform.pulumi.environment import LOCAL_PASSPHRASE, ROOT, STATE_FOLDER, passphrase_variable
from tools.platform.pulumi.stack_file import StackFileError, stack_content, uses_local_cluster
from tools.platform.pulumi.state.backend import backend_url, folder_of, is_service

if TYPE_CHECKING:
    from collections.abc import Mapping


PASSPHRASE_PROVIDERS = frozenset({"", "passphrase", "default"})
"""Secrets providers that mean a passphrase, or the secrets of Pulumi's service."""
PUBLIC_PASSPHRASES = frozenset({"", LOCAL_PASSPHRASE})
STATE_PAGE = "docs/state.md"


class UnprotectedSecretsError(StackFileError):
    """A passphrase that everybody knows would encrypt the secrets of a stack."""


def check_secrets(
    stack: str,
    folder: Path = ROOT / "stacks",
    variables: Mapping[str, str] = os.environ,
    *,
    config: Mapping[str, Any] | None = None,
    provider: str = "",
) -> None:
    """Check that state and secrets of a stack are protected; only a local cluster may rely on the public passphrase.

    `config` are values that are about to be written to the stack's file, by key without the project's name. `provider` is the
    secrets provider of a stack whose file names none.

    Raises:
        StackFileError: its state would be in the checkout; nothing has been changed.
        UnprotectedSecretsError: its secrets would not be protected; nothing has been changed.
    """
    url = backend_url(stack, variables, folder=folder, config=config)
    if folder_of(url) is not None and uses_local_cluster(stack, folder, config=config):
        return
    if folder_of(url) == STATE_FOLDER:
        raise StackFileError(
            f"{stack}: its cluster is not local, but its state would be stored in {STATE_FOLDER}",
            hint="log in to a backend that the users of the stack share, such as `pulumi login s3://BUCKET`, or set "
            f"PULUMI_BACKEND_URL; {STATE_PAGE} lists the backends and shows how an existing stack moves to one",
        )
    if not _has_own_secrets(stack, stack_content(stack, folder), url, variables, provider=provider):
        raise UnprotectedSecretsError(
            f"{stack}: its secrets would be encrypted with a well-known passphrase, which is for local clusters only",
            hint=f"set PULUMI_CONFIG_PASSPHRASE, PULUMI_CONFIG_PASSPHRASE_FILE or {passphrase_variable(stack)} to a passphrase "
            f"of its own, or choose a provider with `--secrets-provider URL` when the stack is created; see {STATE_PAGE}",
        )


def named_provider(stack: str) -> str:
    provider = str(stack_content(stack).get("secretsprovider") or "")
    return "" if provider in PASSPHRASE_PROVIDERS else provider


def _has_own_secrets(
    stack: str, content: Mapping[str, Any], url: str, variables: Mapping[str, str], *, provider: str
) -> bool:
    """Return whether a secrets provider or a passphrase that is not public encrypts the stack's secrets."""
    if str(content.get("secretsprovider") or provider) not in PASSPHRASE_PROVIDERS:
        return True
    if is_service(url) and "encryptionsalt" not in content:
        return True  # Pulumi's service encrypts them.
    return _passphrase(stack, variables) not in PUBLIC_PASSPHRASES


def _passphrase(stack: str, variables: Mapping[str, str]) -> str:
    """Return the passphrase that the engine will use, in its order of precedence."""
    if own := variables.get(passphrase_variable(stack)):
        return own
    if "PULUMI_CONFIG_PASSPHRASE" in variables:
        return variables["PULUMI_CONFIG_PASSPHRASE"]
    file = variables.get("PULUMI_CONFIG_PASSPHRASE_FILE", "")
    if not file:
        return LOCAL_PASSPHRASE
    try:
        return Path(file).read_text("utf-8").strip()
    except OSError as error:
        raise StackFileError(
            f"{stack}: PULUMI_CONFIG_PASSPHRASE_FILE: cannot read {file} ({error.strerror})"
        ) from None


def check_protection(
    name: str,
    *,
    config: Mapping[str, Any] | None = None,
    provider: str = "",
) -> None:
    """Do as `check_secrets`; for a stack that exists, the secrets provider in its state counts, too."""
    try:
        check_secrets(name, config=config, provider=provider)
    except UnprotectedSecretsError:
        folder = folder_of(backend_url(name, config=config))
        # A question would create the folder.
        if (folder is not None and not folder.exists()) or not recorded_provider(name, config):
            raise


def check_provider(name: str, chosen: str) -> None:
    """Check that a stack which exists has the chosen secrets provider; without a choice, any is right."""
    if not chosen or (present := recorded_provider(name)) in {None, chosen}:
        return
    raise StackFileError(
        f"{name}: its secrets provider is {present or 'a passphrase'}, and not {chosen}",
        hint="leave --secrets-provider out, or change the provider with "
        f"`pulumi stack change-secrets-provider '{chosen}' --stack {name}`",
    )


def recorded_provider(name: str, config: Mapping[str, Any] | None = None) -> str | None:
    """Return the secrets provider of a stack by its state; empty for a passphrase, None for a stack that does not exist."""
    try:
        return workspace(stack=name, config=config).recorded_provider(name)
    except StackNotFoundError:
        return None
