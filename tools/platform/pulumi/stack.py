"""Operations on a stack through Pulumi's Automation API: open, up, preview, refresh, destroy, remove."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pulumi import automation as auto
from pulumi.automation import ConcurrentUpdateError
from pulumi.automation._stack import StackInitMode
from pydantic import SecretStr

from platform_infra.names import ADOPT_VARIABLE, ADOPTED, PROJECT
from platform_infra.settings.sections.cluster import Cluster, ClusterKind
from tools.platform.errors import PlatformError
from tools.platform.pulumi.engine import environment_values, workspace
from tools.platform.pulumi.environment import STATE_FOLDER
from tools.platform.pulumi.events import EventLog, StackProgress
from tools.platform.pulumi.stack_file import (
    StackFileError,
    check_configuration,
    check_name,
    check_stack_file,
    has_file,
    imports_environments,
)
from tools.platform.pulumi.state.backend import backend_url, folder_of
from tools.platform.pulumi.state.protection import check_protection, named_provider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pulumi.automation import Stack

    from platform_infra.settings.model import Settings
    from tools.platform.pulumi.engine import Workspace

    Result = TypeVar("Result")

SAME = "same"
IDEMPOTENT_TYPES = ("kubernetes:", "pulumi-python:", "notification-platform:", "pulumi:index:Stash")
"""Type prefixes of resources with a fixed name in the cluster, on this machine or in the state: a second creation adopts the
first."""

TAKE_BACK = {"PULUMI_K8S_ENABLE_PATCH_FORCE": "true"}
"""Lets the provider set a field that another client has changed since: without it, the API server refuses that."""


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
        stack.set_all_config_json(json.dumps({key: entry(value) for key, value in config.items()}))
        entries = place.resolved_config(name)
    return stack, check_configuration(name, entries)


def resolved_settings(name: str) -> Settings:
    """Return the settings of a stack as its program gets them, without a change of the backend; the engine resolves environments.

    Raises:
        StackFileError: they cannot be used, or the stack imports environments and does not exist yet.
    """
    entries = environment_values(name)
    return check_stack_file(name) if entries is None else check_configuration(name, entries)


def check_resolved(stack: auto.Stack) -> Settings:
    """Check the present configuration of a stack, as the engine resolves it, and return the settings.

    Raises:
        StackFileError: it cannot be used.
    """
    return check_configuration(stack.name, _place(stack).resolved_config(stack.name))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """A policy pack with the level of each policy, and the variables that its process needs."""

    pack: str
    levels: str
    variables: Mapping[str, str] = field(default_factory=dict)


class PolicyViolationError(PlatformError):
    """Policies reject the update; nothing has been changed."""


def adopt_existing(stack: auto.Stack) -> None:
    """Let the next preview and update adopt what exists in the cluster and is in no state."""
    stack.workspace.env_vars = {**stack.workspace.env_vars, **TAKE_BACK, ADOPT_VARIABLE: stack.name}


def adopted(log: EventLog) -> list[str]:
    """Return a line for each object that an update would adopt."""
    notes = [note for note in log.notes if note.startswith(ADOPTED)]
    return list(dict.fromkeys(line for note in notes for line in note.splitlines()[1:]))


def up(
    stack: auto.Stack, *, brief: bool = False, refresh: bool = False, policies: Policies | None = None
) -> tuple[dict[str, Any], bool]:
    """Update the stack and print progress; return its outputs and whether anything changed.

    With `brief` only start, end and errors are printed. With `refresh` the cluster is read first, and what was changed in it
    without Pulumi is restored. The kubeconfig among the outputs is a secret: never print it.

    Raises:
        PolicyViolationError: a mandatory policy rejects the update; nothing has been changed.
    """
    if refresh:
        _take_back(stack)
    if policies:
        stack.workspace.env_vars = {**stack.workspace.env_vars, **policies.variables}
    progress = StackProgress(f"pulumi up -s {stack.name}", brief=brief, previews=bool(policies))
    with _read_meanwhile(stack) as before, _rejections(progress), progress.operation():
        _Update(stack.name, stack.workspace, StackInitMode.SELECT).up(
            on_event=progress.on_event,
            color="never",
            suppress_outputs=True,
            refresh=refresh,
            policy_packs=[policies.pack] if policies else None,
            policy_pack_configs=[policies.levels] if policies else None,
        )
    if progress.pending_operations:
        _drop_pending_operations(stack)
    changed = bool(progress.operations - {SAME})
    values = None if changed else before()
    return outputs(stack) if values is None else values, changed


class _Update(auto.Stack):
    """A stack whose `up` ends with the engine: the Automation API would then call it twice, for the outputs and the history."""

    def outputs(self) -> auto.OutputMap:
        return {}

    def info(self, show_secrets: bool = True) -> auto.UpdateSummary:  # noqa: ARG002, FBT001, FBT002 - as the base class
        return auto.UpdateSummary("update", datetime.now(UTC), "", {}, {}, "succeeded")


@contextlib.contextmanager
def _read_meanwhile(stack: auto.Stack) -> Iterator[Callable[[], dict[str, Any] | None]]:
    """Read the outputs during the block; they are the outputs after it too if it changes nothing.

    Yields a function that returns them, or None if they could not be read.
    """

    def result() -> dict[str, Any] | None:
        return None if reading.exception() else reading.result()

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(outputs, stack)
        yield result


@contextlib.contextmanager
def _rejections(log: EventLog) -> Iterator[None]:
    """Report the violations of mandatory policies instead of the failure that they cause."""
    try:
        yield
    except auto.CommandError:
        rejections = dict.fromkeys(str(each) for each in log.violations if each.mandatory)
        if not rejections:
            raise
        raise PolicyViolationError("the policies reject the update:\n" + "\n".join(rejections)) from None


def _take_back(stack: auto.Stack) -> None:
    """Let a refresh restore fields; a state without objects in a cluster restores nothing, and may be the wrong one."""
    resources = (stack.export_stack().deployment or {}).get("resources") or []
    if any(each["type"].startswith("kubernetes:") for each in resources):
        stack.workspace.env_vars = {**stack.workspace.env_vars, **TAKE_BACK}


def preview(
    stack: auto.Stack, *, policy_pack: str = "", policy_config: str = "", refresh: bool = False
) -> EventLog:
    """Preview an update, optionally with a policy pack or after a refresh; return what the engine reported.

    Mandatory violations do not raise: they are in the log.

    Raises:
        CommandError: the preview failed.
    """
    log = EventLog()
    if refresh:
        _take_back(stack)
    try:
        with log.operation():
            stack.preview(
                refresh=refresh,
                on_event=log.on_event,
                color="never",
                suppress_progress=True,
                policy_packs=[policy_pack] if policy_pack else None,
                policy_pack_configs=[policy_config] if policy_config else None,
            )
    except auto.CommandError:
        if not log.policy_packs or not any(violation.mandatory for violation in log.violations):
            raise
    return log


def refresh_preview(stack: auto.Stack, *, run_program: bool = False) -> EventLog:
    """Compare the stack's state with its cluster, and change neither; return what the engine reported.

    The engine uses the credentials in the state, or with `run_program` those that the program has now.

    Raises:
        CommandError: the comparison failed.
    """
    log = EventLog()
    with log.operation():
        stack.preview_refresh(
            on_event=log.on_event, color="never", suppress_progress=True, run_program=run_program
        )
    return log


def _drop_pending_operations(stack: auto.Stack) -> None:
    """Remove pending operations of a killed `up` from the state, where this `up` repeated or adopted their resources.

    The engine keeps them and warns at every later run.
    """
    state = stack.export_stack()
    deployment = dict(state.deployment or {})
    pending = deployment.get("pending_operations") or []
    left = [entry for entry in pending if not entry["resource"]["type"].startswith(IDEMPOTENT_TYPES)]
    if len(left) < len(pending):
        deployment["pending_operations"] = left
        stack.import_stack(auto.Deployment(version=state.version, deployment=deployment))


def outputs(stack: auto.Stack) -> dict[str, Any]:
    return {key: output.value for key, output in stack.outputs().items()}


def cluster_access(stack: auto.Stack) -> tuple[str, str]:
    """Return kubeconfig and context of the stack's cluster: of its outputs, of its owner's, or those that its settings name."""
    # Imported here: the import takes a second, and few commands need it.
    from platform_infra.cluster.connection import ClusterError  # noqa: PLC0415
    from platform_infra.cluster.existing import named  # noqa: PLC0415
    from platform_infra.cluster.owned import context_of, kubeconfig_text  # noqa: PLC0415

    values = outputs(stack)
    if "kubeconfig" in values:
        return values["kubeconfig"], values["context"]
    settings = _cluster_settings(stack)
    try:
        if settings.kind == ClusterKind.STACK:
            theirs = _place(stack).stack_outputs(settings.stack)
            values = {key: output.value for key, output in theirs.items()}
            kubeconfig = kubeconfig_text(settings.stack, "kubeconfig", values.get("kubeconfig"))
            return kubeconfig, context_of(settings.stack, kubeconfig, values.get("context"))
        single = named(settings)
        return single.text(), single.context
    except ClusterError as error:
        raise StackFileError(f"{stack.name}: {error}") from None


def _cluster_settings(stack: auto.Stack) -> Cluster:
    """Return how the settings name the cluster, with the values that are encrypted."""
    config = stack.get_all_config()
    keys = {
        "kind": "clusterKind",
        "kubeconfig": "clusterKubeconfig",
        "context": "clusterContext",
        "stack": "clusterStack",
    }
    present = {field: config.get(f"{PROJECT}:{key}") for field, key in keys.items()}
    return Cluster.model_validate({field: each.value for field, each in present.items() if each})


def destroy(stack: auto.Stack, *, brief: bool = False, run_program: bool = False) -> None:
    """Delete every resource of the stack and print progress.

    The engine uses the credentials in the state, or with `run_program` those that the program has now.
    """
    progress = StackProgress(f"pulumi destroy -s {stack.name}", brief=brief)
    with progress.operation():
        stack.destroy(
            on_event=progress.on_event, color="never", suppress_outputs=True, run_program=run_program
        )


def remove(stack: auto.Stack, *, force: bool = False, generated: bool = False) -> None:
    """Remove a destroyed stack from the backend; its file stays unless a command `generated` it.

    The copies of its state are removed for a generated stack, and for any stack in the embedded backend. With `force` a stack
    that still lists resources is removed too: they disappeared with their cluster.
    """
    place = _place(stack)
    folder = folder_of(place.backend)
    copies = generated or folder == STATE_FOLDER
    options = {"--force": force, "--preserve-config": not generated, "--remove-backups": copies}
    place.remove(stack.name, *(option for option, chosen in options.items() if chosen))
    if folder is not None and copies:
        # The engine leaves them empty.
        for kind in ("backups", "history", "locks/organization"):
            shutil.rmtree(folder / ".pulumi" / kind / PROJECT / stack.name, ignore_errors=True)


def _place(stack: auto.Stack) -> Workspace:
    return cast("Workspace", stack.workspace)


def unlock(stack: auto.Stack) -> None:
    stack.cancel()


def exists(name: str) -> bool:
    return name in known_stacks(stack=name)


def known_stacks(*, stack: str = "") -> set[str]:
    """Return the names of all stacks in the backend of a stack; without one, in that of commands on no stack in particular."""
    return {summary.name for summary in workspace(stack=stack).list_stacks()}


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


OWNER = re.compile(r"created by \S*@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<time>\S+)")
STALE_AFTER = timedelta(minutes=30)
"""No operation takes longer; CI jobs have a shorter timeout."""


def without_stale_lock(stack: Stack, operation: Callable[[], Result]) -> Result:
    """Run an operation on the stack; a lock that a killed engine left is removed first.

    Raises:
        ConcurrentUpdateError: another command is updating the stack.
    """
    try:
        return operation()
    except ConcurrentUpdateError as error:
        if not are_stale(str(error), now=datetime.now(UTC)):
            raise
        unlock(stack)
        return operation()


def are_stale(message: str, *, now: datetime) -> bool:
    """Return whether every lock owner in the message has ended; False where the message names none."""
    owners = list(OWNER.finditer(message))
    return bool(owners) and all(_has_ended(owner, now) for owner in owners)


def _has_ended(owner: re.Match[str], now: datetime) -> bool:
    if owner["host"] != socket.gethostname():
        return now - datetime.fromisoformat(owner["time"]) > STALE_AFTER
    try:
        os.kill(int(owner["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
