"""What the engine reports while it runs an operation: collected from its events, printed as progress, and explained after a failure."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pulumi.automation import CommandError, CommandResult, ConcurrentUpdateError, OpType

from platform_infra.names import CRD_OWNER
from tools.platform.console import err
from tools.platform.engine_process import OPERATION, Interruption
from tools.platform.pulumi.changes import Change, change_of, is_retained

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pulumi.automation import EngineEvent
    from pulumi.automation.events import DiagnosticEvent, PolicyEvent, StepEventMetadata


PROGRAM_EXITED = "an unhandled error occurred: program exited with non-zero exit code"
"""The error that follows the one that made the program exit, and adds nothing."""
SUMMARIES = frozenset({"preview failed", "update failed"})
"""Errors that follow the error of a resource, and add nothing."""
STACK = "::pulumi:pulumi:Stack::"
"""Part of the URN of the stack itself, which the errors of its program are about."""
MAX_NAMES = 3
"""Resources that are named with one error."""
MANDATORY = "mandatory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    policy: str
    level: str
    resource: str
    message: str

    @property
    def mandatory(self) -> bool:
        return self.level == MANDATORY

    def __str__(self) -> str:
        subject = f" {self.resource}" if self.resource else ""
        return f"[{self.level}] {self.policy}{subject}: {' '.join(self.message.split())}"


class EventLog:
    def __init__(self) -> None:
        self._errors: dict[str, list[str]] = {}
        self.notes: list[str] = []
        """Messages of the program that are neither a warning nor an error."""
        self.warnings: dict[str, None] = {}
        """Each warning once: a missing node causes the same one for each of its objects."""
        self.violations: list[Violation] = []
        self.policy_packs: list[str] = []
        self.operations: set[str] = set()
        """What the operation did with the resources, such as `same` and `create`."""
        self._planned: list[Change] = []
        self._completed: list[Change] = []
        self._interruption = Interruption()

    @property
    def errors(self) -> list[str]:
        """The errors, each once, with the resources that it is about unless it names them itself."""
        return [_attributed(message, urns) for message, urns in self._errors.items()]

    @property
    def planned(self) -> tuple[Change, ...]:
        """What a preview would change, most severe first."""
        return _sorted(self._planned)

    @property
    def completed(self) -> tuple[Change, ...]:
        return _sorted(self._completed)

    def on_event(self, event: EngineEvent) -> None:
        self._interruption.handles(handles=not event.cancel_event)
        if event.resource_pre_event:
            self._planned += change_of(event.resource_pre_event.metadata, planned=True)
        elif event.res_outputs_event:
            self._completed += change_of(event.res_outputs_event.metadata)
        elif event.diagnostic_event:
            self._diagnose(event.diagnostic_event)
        elif event.policy_event:
            self.violations.append(_violation(event.policy_event))
        elif event.summary_event:
            self.policy_packs = sorted(event.summary_event.policy_packs or {})
            self.operations = set(event.summary_event.resource_changes or {})

    def _diagnose(self, event: DiagnosticEvent) -> None:
        message = event.message.strip()
        if event.severity == "error" and message and not message.startswith(PROGRAM_EXITED):
            self._errors.setdefault(message, []).append(event.urn or "")
        elif event.severity == "info" and message:
            self.notes.append(message)
        elif event.severity == "warning" and message:
            self.warnings[message] = None

    @contextlib.contextmanager
    def operation(self) -> Iterator[None]:
        """Run one operation of the engine; its failure carries the errors that the engine reported.

        Raises:
            EngineError: the operation failed, for a reason that the engine reported.
            CommandError: the engine failed before it began.
        """
        before = OPERATION.set(self._interruption)
        try:
            yield
        except ConcurrentUpdateError:
            raise
        except CommandError:
            if not self.errors:
                raise
            causes = [message for message in self.errors if message not in SUMMARIES]
            raise EngineError(causes or self.errors) from None
        finally:
            OPERATION.reset(before)


def _attributed(message: str, urns: Sequence[str]) -> str:
    """Return an error with its resources: a provider reports some in the same words for each object, without its name."""
    names = list(
        dict.fromkeys(short_name(urn) for urn in urns if urn and STACK not in urn and urn not in message)
    )
    if not names:
        return message
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return f"{', '.join(names[:MAX_NAMES])}{more}: {message}"


def short_name(urn: str) -> str:
    """Return a resource's type and name: `…::kubernetes:apps/v1:Deployment::operator` is `Deployment operator`."""
    kind, name = urn.split("::")[-2:]
    return f"{kind.rsplit(':', 1)[-1]} {name}"


def _violation(event: PolicyEvent) -> Violation:
    *_, kind, name = (event.resource_urn or "").split("::") if event.resource_urn else ("", "")
    return Violation(
        policy=event.policy_name,
        level=event.enforcement_level,
        resource=f"{kind.rpartition(':')[2]} {name}".strip(),
        message=event.message.strip(),
    )


def _sorted(changes: list[Change]) -> tuple[Change, ...]:
    return tuple(sorted(changes, key=lambda change: change.order))


QUIET_SECONDS = 10.0
PENDING = "pending operations"
COMPLETED = {
    OpType.CREATE: "created",
    OpType.UPDATE: "updated",
    OpType.DELETE: "deleted",
    OpType.CREATE_REPLACEMENT: "replaced",
    OpType.DELETE_REPLACED: "old version deleted",
}
RETAINED = {OpType.DELETE: "kept in the cluster", OpType.DELETE_REPLACED: "old version kept in the cluster"}
"""Results of the same operations with a retained resource, which the engine removes from its state alone."""


class StackProgress(EventLog):
    """Prints to standard error what the engine does, one line per resource unless it is `brief`."""

    def __init__(self, title: str, *, brief: bool = False, previews: bool = False) -> None:
        """Make a progress; with `previews` the engine previews before it changes anything, and ends that with its first cancel."""
        super().__init__()
        self._title = title
        self._previews = previews
        self._brief = brief
        self.pending_operations = False
        """Whether the state holds operations that a killed run left unfinished."""
        self._started: dict[str, float] = {}
        self._printed: set[str] = set()
        self._start = time.monotonic()

    @contextlib.contextmanager
    def operation(self) -> Iterator[None]:
        """Run one operation, and print its start, its result and its duration; see the base class."""
        stop, result = threading.Event(), "failed"
        ticker = threading.Thread(target=self._tick, args=[stop], daemon=True)
        err.print(f"{self._title} …")
        ticker.start()
        try:
            with super().operation():
                try:
                    yield
                finally:
                    stop.set()
                    ticker.join()
            result = "done"
        finally:
            err.print(f"{self._title}: {result} after {time.monotonic() - self._start:.1f} s")

    def on_event(self, event: EngineEvent) -> None:
        super().on_event(event)
        if self._previews:
            self._previews = not event.cancel_event
        elif event.resource_pre_event and event.resource_pre_event.metadata.op in COMPLETED:
            self._started[event.resource_pre_event.metadata.urn] = time.monotonic()
        elif event.res_outputs_event and event.res_outputs_event.metadata.op in COMPLETED:
            self._finish(event.res_outputs_event.metadata)
        elif event.res_op_failed_event:
            self._started.pop(event.res_op_failed_event.metadata.urn, None)
            err.print(f"  {short_name(event.res_op_failed_event.metadata.urn)} FAILED")

    def _diagnose(self, event: DiagnosticEvent) -> None:
        super()._diagnose(event)
        if event.severity in {"error", "warning"}:
            self.pending_operations |= PENDING in event.message
            # Once: a missing node causes the same warning for each of its objects.
            if (text := event.message.strip()) not in self._printed:
                self._printed.add(text)
                err.print(f"  {text}")

    def _finish(self, step: StepEventMetadata) -> None:
        started = self._started.pop(step.urn, None)
        if self._brief:
            return
        result = COMPLETED[step.op]
        # A refresh starts no deletion: its result means that the resource is gone.
        if started is not None and is_retained(step):
            result = RETAINED.get(step.op, result)
        now = time.monotonic()
        err.print(f"  {short_name(step.urn)} {result} ({now - (started or now):.1f} s)")

    def _tick(self, stop: threading.Event) -> None:
        while not stop.wait(QUIET_SECONDS):
            open_steps = [
                short_name(urn)
                for urn, started in self._started.copy().items()
                if time.monotonic() - started > 1
            ]
            err.print(
                f"  {self._title}: {time.monotonic() - self._start:.0f} s, "
                f"waiting for {', '.join(open_steps) or 'the engine'}"
            )


STDERR = "\n stderr: "
"""The line before the standard error in the text of a CommandError."""


class EngineError(CommandError):
    """An operation failed; `messages` are the errors that the engine reported, each once."""

    def __init__(self, messages: Sequence[str]) -> None:
        self.messages = tuple(dict.fromkeys(messages))
        super().__init__(CommandResult("", "\n".join(self.messages), 1))

    def __str__(self) -> str:
        return "\n".join(self.messages)


class KnownError(NamedTuple):
    """A problem that the engine reports without saying what to do."""

    pattern: str
    hint: str


KNOWN_ERRORS = (
    KnownError(
        "incorrect passphrase",
        "the stack is encrypted with another passphrase: set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE "
        "to it. The stacks dev and ci use the passphrase of stacks/README.md, which applies while neither is set",
    ),
    KnownError(
        "the stack is currently locked by|Another update is currently in progress",
        "another command is updating the stack: wait until it ends. If it was killed, remove its lock with "
        "`tools/notif-platform pulumi cancel --yes --stack NAME` and run the same command again",
    ),
    KnownError(
        re.escape(f".metadata.annotations.{CRD_OWNER}"),
        "a CRD or the namespace in this cluster belongs to another stack or state, named by its annotation "
        "kubernaut.ai/owner: use the backend with that state; or run `tools/notif-platform up NAME --adopt` if that state no longer "
        "exists. If this stack has never created them, set crdManaged to false and choose another operatorNamespace; otherwise that "
        "would delete them (docs/clusters.md#owner)",
    ),
    KnownError(
        rf"Apply failed with \d+ conflicts?: (?!.*{re.escape(CRD_OWNER)})",
        "another client has changed this field in the cluster, and this command changes it, too: run "
        "`tools/notif-platform up NAME --refresh` to restore what was changed without Pulumi (docs/operations.md#drift)",
    ),
    KnownError(
        # How Go's client reports a request to the API server that got no answer, and how the provider does.
        r'"https://[^/"]+/(?:apis?|openapi|version)\b[^"]*": |Kubernetes cluster is unreachable|due to unreachable cluster',
        "the API server stopped answering; what was done until then is recorded. Check it with `kubectl --context CONTEXT "
        "version`, then run the same command again: it continues. If the cluster no longer exists, run "
        "`tools/notif-platform down NAME --cluster-gone` (docs/operations.md#failed-commands)",
    ),
    KnownError(
        "ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName",
        "the cluster cannot pull the image: correct operatorImage, set operatorRegistryServer or operatorImagePullSecrets, or run "
        "`tools/notif-platform rollback`; the previous pods keep running",
    ),
)


def explain_engine_error(error: CommandError) -> str:
    message = str(error) if isinstance(error, EngineError) else _stderr(str(error))
    hints = [f"hint: {known.hint}" for known in KNOWN_ERRORS if re.search(known.pattern, message, re.DOTALL)]
    return "\n".join([message, *hints])


def _stderr(text: str) -> str:
    """Return what the engine wrote to standard error, or the whole text where it wrote nothing."""
    return text.partition(STDERR)[2].strip().removeprefix("error: ") or text.strip()
