"""Checks the configuration of a stack as a whole: the engine itself stops at the first value of a wrong type.

`check_stack_file` is offline: it reads the file alone. `check_configuration` checks what the engine resolves, ESC
environments included.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from platform_infra.names import PROJECT
from platform_infra.settings.cluster_kind import ClusterKind
from platform_infra.settings.inputs import ENCRYPTED
from platform_infra.settings.model import PATHS
from platform_infra.settings.reader import SettingsError, parse
from tools.platform.errors import ExitCode, PlatformError, nearest
from tools.platform.preview.model import NAME as PREVIEW
from tools.platform.preview.model import ORGANIZATION
from tools.platform.pulumi.environment import ROOT, own_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from platform_infra.settings.model import Settings

SECURE = "secure"


class StackFileError(PlatformError):
    """The configuration of a stack cannot be used; the message lists every problem."""


class UnknownStackError(StackFileError):
    """There is no stack of that name; none has been created."""

    code = ExitCode.USAGE


PLACE = frozenset({"clusterKubeconfig", "clusterContext", "clusterStack"})
"""The settings that select a cluster. Work that asks no cluster needs none of them."""
MAX_OWNERS = 8
"""Length of a chain of stacks that use the cluster of another stack."""


def file_of(stack: str, folder: Path = ROOT / "stacks") -> Path:
    return folder / f"Pulumi.{stack}.yaml"


def has_file(stack: str, folder: Path = ROOT / "stacks") -> bool:
    return file_of(stack, folder).is_file()


def check_name(stack: str, folder: Path = ROOT / "stacks", *, recorded: Collection[str] = ()) -> None:
    """Check that a stack has a file, or is among those that a state has `recorded`."""
    if has_file(stack, folder) or stack in recorded:
        return
    files = (file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in folder.glob("Pulumi.*.yaml"))
    known = sorted({*files, *recorded})
    listed = f"the stacks are {', '.join(known)}" if known else "there are no stacks"
    raise UnknownStackError(
        f"there is no stack {stack}: stacks/Pulumi.{stack}.yaml does not exist{nearest(stack, known)}",
        hint=f"{listed}; `tools/notif-platform init {stack}` writes the file of a new one",
    )


def uses_local_cluster(
    stack: str, folder: Path = ROOT / "stacks", *, config: Mapping[str, Any] | None = None
) -> bool:
    """Return whether the cluster of a stack runs on this machine, and the stack or another one owns it."""
    name, values = own_name(stack), dict(config or {})
    # No folder has a stack of an organization.
    if not name or ("/" in stack and stack.partition("/")[0] != ORGANIZATION):
        return False
    for _ in range(MAX_OWNERS):
        content = stack_content(name, folder)
        values = _own_values(content) | values
        # Only the engine knows the values of an ESC environment.
        default = "" if content.get("environment") else ClusterKind.LOCAL
        match values.get("clusterKind") or default:
            case ClusterKind.LOCAL | ClusterKind.KIND:
                return True
            case ClusterKind.STACK:
                project, _, name = str(values.get("clusterStack") or "").partition("/")[2].partition("/")
                if project != PROJECT or not has_file(name, folder):
                    return False
                values = {}
            case _:
                return False
    return False


def is_lasting(stack: str, folder: Path = ROOT / "stacks") -> bool:
    """Return whether others rely on a stack: it is no preview, and its file does not say that its cluster runs on this machine."""
    return not (PREVIEW.match(stack) or uses_local_cluster(stack, folder))


def stack_content(stack: str, folder: Path = ROOT / "stacks") -> dict[str, Any]:
    """Return the content of `Pulumi.<stack>.yaml`, empty for a missing file."""
    file = file_of(own_name(stack), folder)
    if not file.is_file():
        return {}
    try:
        content = yaml.safe_load(file.read_text("utf-8")) or {}
    except yaml.YAMLError as error:
        raise StackFileError(f"{file}: is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise StackFileError(f"{file}: is not a mapping; it starts with `config:`")
    return content


def imports_environments(stack: str) -> bool:
    """Return whether the stack's file imports ESC environments, whose values only the engine knows."""
    return bool(stack_content(stack).get("environment"))


def check_stack_file(stack: str, folder: Path = ROOT / "stacks", *, asks_cluster: bool = True) -> Settings:
    """Check the values of `Pulumi.<stack>.yaml` and return the settings; a missing file means the defaults.

    Encrypted values and those of ESC environments cannot be read here; the defaults stand for them.
    """
    content = stack_content(stack, folder)
    values = _own_values(content)
    readable = {key: value for key, value in values.items() if not _is_encrypted(value)}
    texts = {key: _text(_without_secrets(value)) for key, value in readable.items()}
    secret = {key for key, value in readable.items() if _without_secrets(value) != value}
    elsewhere = PATHS.keys() if content.get("environment") else set()
    hidden = (values.keys() | elsewhere) - readable.keys() | (set() if asks_cluster else PLACE)
    return _parse(stack, texts, hidden, folder, secret=secret)


def check_configuration(
    stack: str,
    entries: Mapping[str, Mapping[str, Any]],
    overrides: Mapping[str, str] | None = None,
    *,
    asks_cluster: bool = True,
) -> Settings:
    """Check the configuration that the engine resolved and return the settings.

    `entries` are those of `Workspace.resolved_config`, `overrides` values of the command line by key.
    """
    values = {
        _short(key): entry["value"] for key, entry in entries.items() if _is_ours(key) and "value" in entry
    }
    values |= {_short(key): value for key, value in (overrides or {}).items() if _is_ours(key)}
    hidden = hidden_keys(entries) - values.keys() | (set() if asks_cluster else PLACE)
    return _parse(stack, values, hidden, ROOT / "stacks")


def encrypted_keys(stack: str, folder: Path = ROOT / "stacks") -> set[str]:
    """Return the settings in `Pulumi.<stack>.yaml` with an encrypted value or part."""
    values = _own_values(stack_content(stack, folder))
    return {key for key, value in values.items() if _without_secrets(value) != value}


def hidden_keys(entries: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the settings that the engine resolved to a secret, by its entries of `Workspace.resolved_config`."""
    return {_short(key) for key, entry in entries.items() if _is_ours(key) and "value" not in entry}


def _parse(
    stack: str, values: Mapping[str, Any], hidden: set[str], folder: Path, *, secret: Collection[str] = ()
) -> Settings:
    try:
        return parse(values, hidden_keys=hidden, secret_keys=secret)
    except SettingsError as error:
        raise StackFileError(f"{file_of(stack, folder)}: {error}") from None


def _own_values(content: Mapping[str, Any]) -> dict[str, Any]:
    return {_short(key): value for key, value in (content.get("config") or {}).items() if _is_ours(key)}


def _is_ours(key: str) -> bool:
    return ":" not in key or key.startswith(f"{PROJECT}:")


def _short(key: str) -> str:
    return key.split(":", 1)[-1]


def _is_encrypted(value: Any) -> bool:  # noqa: ANN401 - any YAML value
    return isinstance(value, dict) and SECURE in value


def _without_secrets(value: Any) -> Any:  # noqa: ANN401 - any YAML value
    if _is_encrypted(value):
        return ENCRYPTED
    if isinstance(value, dict):
        return {key: _without_secrets(part) for key, part in value.items()}
    return [_without_secrets(part) for part in value] if isinstance(value, list) else value


def _text(value: Any) -> str:  # noqa: ANN401 - any YAML value
    return value if isinstance(value, str) else json.dumps(value)
