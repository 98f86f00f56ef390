"""What a person is told when something failed: of the engine's words those that matter, and the remedy that it does not know."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from textwrap import dedent

from pulumi.automation import CommandError

from platform_infra.names import CRD_OWNER

INTERRUPTED = "interrupted: run the same command again to go on."
STOPPED = 128 + signal.SIGINT
"""A verb's exit code then."""
NOISE = "an unhandled error occurred: program exited with non-zero exit code"
DIAGNOSTICS = re.compile(r"^Diagnostics:\n(.*?)(?=^\S|\Z)", re.DOTALL | re.MULTILINE)
ENTRY = re.compile(r"^    error: (.*?)(?=^ {0,4}\S|^\s*$|\Z)", re.DOTALL | re.MULTILINE)
STDERR = re.compile(r"^ stderr: (.*)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Trouble that the engine names without the way out; `said` is how it does so, `remedy` what to do."""

    said: re.Pattern[str]
    remedy: str


KNOWN = (
    Known(
        said=re.compile("incorrect passphrase"),
        remedy="the stack was encrypted with another passphrase: set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE "
        "to that one; the stacks dev and ci have the one of stacks/README.md, which holds while neither is set",
    ),
    Known(
        said=re.compile("the stack is currently locked by"),
        remedy="another run works on the stack: wait for its end. If it was killed, take its lock away with "
        '`make pulumi ARGS="cancel --yes --stack NAME"` and run the same command again',
    ),
    Known(
        said=re.compile(re.escape(CRD_OWNER)),
        remedy="the CRD of this cluster belongs to another stack, named by its annotation kubernaut.ai/owner: set crdManaged to "
        "false, or take the annotation off where that stack is gone",
    ),
    Known(
        said=re.compile("ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName"),
        remedy="the cluster cannot get the image: correct operatorImage, give it operatorImagePullSecrets, or go back with "
        "`make rollback`; the pods that ran before still do",
    ),
)


def explained(error: Exception) -> str:
    """Return what to print of an error."""
    if not isinstance(error, CommandError):
        return str(error)
    text = str(error)
    words = _words(text)
    remedies = [known.remedy for known in KNOWN if known.said.search(text)]
    return "\n".join([*words, *remedies])


def _words(text: str) -> list[str]:
    """Return the engine's errors, each once; all that it said where it gave them in no form that is known."""
    found = [
        dedent(f"    {entry}").strip()
        for block in DIAGNOSTICS.findall(text)
        for entry in ENTRY.findall(block)
    ]
    stderr = STDERR.search(text)
    if stderr and stderr[1].strip():
        found.append(stderr[1].strip().removeprefix("error: "))
    telling = [entry for entry in dict.fromkeys(found) if not entry.startswith(NOISE)]
    return telling or [text.strip()]
