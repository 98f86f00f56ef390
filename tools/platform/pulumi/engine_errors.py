"""Failures of the Pulumi engine: its own messages, and a hint where it names the problem but not the way out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi.automation import CommandError, CommandResult

from platform_infra.names import CRD_OWNER

if TYPE_CHECKING:
    from collections.abc import Sequence

STDERR = "\n stderr: "
"""The line before the standard error in the text of a CommandError."""


class EngineError(CommandError):
    """An operation failed; `messages` are the errors that the engine reported, each once."""

    def __init__(self, messages: Sequence[str]) -> None:
        self.messages = tuple(dict.fromkeys(messages))
        super().__init__(CommandResult("", "\n".join(self.messages), 1))

    def __str__(self) -> str:
        return "\n".join(self.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownError:
    """A problem that the engine reports without saying what to do."""

    pattern: re.Pattern[str]
    hint: str


KNOWN_ERRORS = (
    KnownError(
        pattern=re.compile("incorrect passphrase"),
        hint="the stack is encrypted with another passphrase: set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE "
        "to it. The stacks dev and ci use the passphrase of stacks/README.md, which applies while neither is set",
    ),
    KnownError(
        pattern=re.compile("the stack is currently locked by|Another update is currently in progress"),
        hint="another command is updating the stack: wait until it ends. If it was killed, remove its lock with "
        "`tools/notif-platform pulumi cancel --yes --stack NAME` and run the same command again",
    ),
    KnownError(
        pattern=re.compile(re.escape(f".metadata.annotations.{CRD_OWNER}")),
        hint="a CRD or the namespace in this cluster belongs to another stack or state, named by its annotation "
        "kubernaut.ai/owner: use the backend with that state; or set crdManaged to false and choose another "
        "operatorNamespace; or remove the annotation if that state no longer exists (docs/environments.md#owner)",
    ),
    KnownError(
        pattern=re.compile(rf"Apply failed with \d+ conflicts?: (?!.*{re.escape(CRD_OWNER)})", re.DOTALL),
        hint="another client has changed this field in the cluster, and this command changes it, too: run "
        "`tools/notif-platform up NAME --refresh` to restore what was changed without Pulumi (docs/operations.md#drift)",
    ),
    KnownError(
        # How Go's client reports a request to the API server that got no answer, and how the provider does.
        pattern=re.compile(
            r'"https://[^/"]+/(?:apis?|openapi|version)\b[^"]*": |Kubernetes cluster is unreachable|due to unreachable cluster'
        ),
        hint="the API server stopped answering; what was done until then is recorded. Check it with `kubectl --context CONTEXT "
        "version`, then run the same command again: it continues. If the cluster no longer exists, run "
        "`tools/notif-platform down NAME --cluster-gone` (docs/operations.md#bad-days)",
    ),
    KnownError(
        pattern=re.compile("ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName"),
        hint="the cluster cannot pull the image: correct operatorImage, set operatorRegistryServer or operatorImagePullSecrets, or run "
        "`tools/notif-platform rollback`; the previous pods keep running",
    ),
)


def explain_engine_error(error: CommandError) -> str:
    """Return the engine's messages, and below them a hint for each known problem."""
    message = str(error) if isinstance(error, EngineError) else _stderr(str(error))
    hints = [f"hint: {known.hint}" for known in KNOWN_ERRORS if known.pattern.search(message)]
    return "\n".join([message, *hints])


def _stderr(text: str) -> str:
    """Return what the engine wrote to standard error, or the whole text where it wrote nothing."""
    return text.partition(STDERR)[2].strip().removeprefix("error: ") or text.strip()
