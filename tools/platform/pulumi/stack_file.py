"""Checks the configuration of a stack as a whole: the engine itself stops at the first value of a wrong type.

`check_stack_file` is offline: it reads the file alone. `check_configuration` checks what the engine resolves, ESC
environments included.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from platform_infra.names import PROJECT
from platform_infra.settings.cluster import ClusterKind
from platform_infra.settings.reader import SettingsError, parse
from tools.platform.errors import PlatformError
from tools.platform.pulumi.environment import (
    LOCAL_PASSPHRASE,
    ROOT,
    STATE_FOLDER,
    backend_folder,
    backend_url,
    passphrase_variable,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from platform_infra.settings.model import Settings

SECURE = "secure"


class StackFileError(PlatformError):
    """The configuration of a stack cannot be used; the message lists every problem."""


PASSPHRASE_PROVIDERS = frozenset({"", "passphrase", "default"})
"""Values of `secretsprovider` that mean a passphrase, or the secrets of Pulumi's service."""
PUBLIC_PASSPHRASES = frozenset({"", LOCAL_PASSPHRASE})
MAX_OWNERS = 8
"""Length of a chain of stacks that use the cluster of another stack."""
SECRETS_PAGE = "docs/environments.md#secrets-and-state"


def check_secrets(
    stack: str,
    folder: Path = ROOT / "stacks",
    variables: Mapping[str, str] = os.environ,
    *,
    config: Mapping[str, Any] | None = None,
) -> None:
    """Check that state and secrets of a stack are protected; only a local cluster may rely on the public passphrase.

    `config` are values that are about to be written to the stack's file, by key without the project's name.

    Raises:
        StackFileError: they are not; nothing has been changed.
    """
    content = _content(stack, folder)
    if backend_folder(variables) is not None and uses_local_cluster(stack, folder, config=config):
        return
    if backend_folder(variables) == STATE_FOLDER:
        raise StackFileError(
            f"{stack}: its cluster is not local, but its state would be stored in {STATE_FOLDER}",
            hint=f"set PULUMI_BACKEND_URL to a backend that the users of the stack share, such as `s3://BUCKET`; {SECRETS_PAGE} "
            "shows how an existing stack moves there",
        )
    if not _has_own_secrets(stack, content, variables):
        raise StackFileError(
            f"{stack}: its secrets would be encrypted with a well-known passphrase, which is for local clusters only",
            hint=f"set PULUMI_CONFIG_PASSPHRASE, PULUMI_CONFIG_PASSPHRASE_FILE or {passphrase_variable(stack)} to a passphrase "
            f"of its own, or choose a provider with `pulumi stack init {stack} --secrets-provider URL`; see {SECRETS_PAGE}",
        )


def uses_local_cluster(
    stack: str, folder: Path = ROOT / "stacks", *, config: Mapping[str, Any] | None = None
) -> bool:
    """Return whether the cluster of a stack is a node on this machine, which the stack or another one owns."""
    name, values = stack, dict(config or {})
    for _ in range(MAX_OWNERS):
        content = _content(name, folder)
        values = _own_values(content) | values
        # Only the engine knows the values of an ESC environment.
        default = "" if content.get("environment") else ClusterKind.LOCAL
        match values.get("clusterKind") or default:
            case ClusterKind.LOCAL:
                return True
            case ClusterKind.STACK:
                project, _, name = str(values.get("clusterStack") or "").partition("/")[2].partition("/")
                if project != PROJECT or not (folder / f"Pulumi.{name}.yaml").is_file():
                    return False
                values = {}
            case _:
                return False
    return False


def _has_own_secrets(stack: str, content: Mapping[str, Any], variables: Mapping[str, str]) -> bool:
    """Return whether a secrets provider or a passphrase that is not public encrypts the stack's secrets."""
    if str(content.get("secretsprovider") or "") not in PASSPHRASE_PROVIDERS:
        return True
    if urlsplit(backend_url(variables)).scheme in {"https", "http"} and "encryptionsalt" not in content:
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


def _content(stack: str, folder: Path) -> dict[str, Any]:
    file = folder / f"Pulumi.{stack}.yaml"
    if not file.is_file():
        return {}
    try:
        content = yaml.safe_load(file.read_text("utf-8")) or {}
    except yaml.YAMLError as error:
        raise StackFileError(f"{file}: is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise StackFileError(f"{file}: is not a mapping; it starts with `config:`")
    return content


def imports_environments(stack: str, folder: Path = ROOT / "stacks") -> bool:
    """Return whether the stack's file imports ESC environments, whose values only the engine knows."""
    return bool(_content(stack, folder).get("environment"))


def check_stack_file(stack: str, folder: Path = ROOT / "stacks") -> Settings:
    """Check the values of `Pulumi.<stack>.yaml` and return the settings; a missing file means the defaults.

    Encrypted values cannot be read here; the defaults stand for them.

    Raises:
        StackFileError: it cannot be used.
    """
    values = _own_values(_content(stack, folder))
    readable = {key: value for key, value in values.items() if not _is_encrypted(value)}
    texts = {key: _text(_without_secrets(value)) for key, value in readable.items()}
    secret = {key for key, value in readable.items() if _without_secrets(value) != value}
    return _parse(stack, texts, values.keys() - readable.keys(), folder, secret=secret)


def check_configuration(
    stack: str, entries: Mapping[str, Mapping[str, Any]], overrides: Mapping[str, str] | None = None
) -> Settings:
    """Check the configuration that the engine resolved and return the settings.

    `entries` are those of `Workspace.resolved_config`, `overrides` values of the command line by key.

    Raises:
        StackFileError: it cannot be used.
    """
    ours = {_short(key): entry for key, entry in entries.items() if _is_ours(key)}
    values = {key: entry["value"] for key, entry in ours.items() if "value" in entry}
    values |= {_short(key): value for key, value in (overrides or {}).items() if _is_ours(key)}
    return _parse(stack, values, ours.keys() - values.keys(), ROOT / "stacks")


def _parse(
    stack: str, values: Mapping[str, Any], hidden: set[str], folder: Path, *, secret: Collection[str] = ()
) -> Settings:
    try:
        return parse(values, hidden_keys=hidden, secret_keys=secret)
    except SettingsError as error:
        raise StackFileError(f"{folder / f'Pulumi.{stack}.yaml'}: {error}") from None


def _own_values(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a stack's file by key without the project's name."""
    return {_short(key): value for key, value in (content.get("config") or {}).items() if _is_ours(key)}


def _is_ours(key: str) -> bool:
    return ":" not in key or key.startswith(f"{PROJECT}:")


def _short(key: str) -> str:
    return key.split(":", 1)[-1]


def _is_encrypted(value: Any) -> bool:  # noqa: ANN401 - any YAML value
    return isinstance(value, dict) and SECURE in value


def _without_secrets(value: Any) -> Any:  # noqa: ANN401 - any YAML value
    """Return a value with a text in the place of each encrypted part."""
    if _is_encrypted(value):
        return "encrypted"
    if isinstance(value, dict):
        return {key: _without_secrets(part) for key, part in value.items()}
    return [_without_secrets(part) for part in value] if isinstance(value, list) else value


def _text(value: Any) -> str:  # noqa: ANN401 - any YAML value
    """Return a value as the engine passes it to the program."""
    return value if isinstance(value, str) else json.dumps(value)
