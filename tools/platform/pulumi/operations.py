"""What the engine does with the resources of a stack: preview, update, refresh, destroy."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pulumi import automation as auto
from pulumi.automation._stack import StackInitMode

from platform_infra.names import ADOPT_VARIABLE, ADOPTED
from tools.platform.errors import PlatformError
from tools.platform.pulumi.events import EventLog, StackProgress
from tools.platform.pulumi.stack import outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SAME = "same"

IDEMPOTENT_TYPES = ("kubernetes:", "pulumi-python:", "notification-platform:", "pulumi:index:Stash")
"""Type prefixes of resources with a fixed name in the cluster, on this machine or in the state: a second creation adopts the
first."""

TAKE_BACK = {"PULUMI_K8S_ENABLE_PATCH_FORCE": "true"}
"""Lets the provider set a field that another client has changed since: without it, the API server refuses that."""


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
        _EngineAlone(stack).up(
            on_event=progress.on_event,
            color="never",
            suppress_outputs=True,
            refresh=refresh,
            policy_packs=[policies.pack] if policies else None,
            policy_pack_configs=[policies.levels] if policies else None,
        )
    if progress.pending_operations:
        # Another command has the lock already: the next update drops them.
        with contextlib.suppress(auto.ConcurrentUpdateError):
            _drop_pending_operations(stack)
    changed = bool(progress.operations - {SAME})
    values = None if changed else before()
    return outputs(stack) if values is None else values, changed


class _EngineAlone(auto.Stack):
    """A stack whose operations end with the engine: the Automation API would then call it again, for outputs and history."""

    def __init__(self, stack: auto.Stack) -> None:
        super().__init__(stack.name, stack.workspace, StackInitMode.SELECT)

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


def destroy(stack: auto.Stack, *, brief: bool = False, run_program: bool = False) -> None:
    """Delete every resource of the stack and print progress.

    The engine uses the credentials in the state, or with `run_program` those that the program has now.
    """
    progress = StackProgress(f"pulumi destroy -s {stack.name}", brief=brief)
    with progress.operation():
        _EngineAlone(stack).destroy(
            on_event=progress.on_event, color="never", suppress_outputs=True, run_program=run_program
        )
