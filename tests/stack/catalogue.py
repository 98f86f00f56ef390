"""The catalogue of checks: every promise that the stack tests prove, by its id."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.stack.receiver_descriptions import RECEIVER_DESCRIPTIONS
from tests.stack.source_descriptions import SOURCE_DESCRIPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Check:
    """One promise."""

    id: str
    promise: str

    @property
    def group(self) -> str:
        """The id without its number; the tests are in `files_of(group)`."""
        return self.id.rpartition("-")[0]


def files_of(group: str) -> list[str]:
    """Return the names of a group's files: test_<group>.py, or several by topic, test_<group>_<topic>.py."""
    return sorted(
        file.name for pattern in (f"test_{group}.py", f"test_{group}_*.py") for file in HERE.glob(pattern)
    )


DESCRIPTIONS = {
    "audit": (
        "A console delivery is recorded in the audit store as sent, with the notification's uid",
        "A Slack delivery is recorded in the audit store as sent, once",
        "The remediation's name is the correlation id of a notification's events",
        "Each channel that delivered has a sent event of its own",
        "Every event says who did what to which notification, and when",
        "Each failed attempt has a failed event with its error, and the last one is escalated",
    ),
    "partial": (
        "When only the file channel fails, the others deliver and the result is PartiallySent",
        "A first channel that fails does not stop the channels after it",
        "When every channel fails the result is Failed, never PartiallySent",
    ),
    "retry": (
        "A channel that stays broken is attempted up to its limit, with growing delays",
        "No attempt follows a successful one",
    ),
    "crd": (
        "The smallest valid notification is stored unchanged",
        "Each optional field is stored unchanged",
        "A delivered notification's status is complete: reason, message, counts, attempt, time",
        "Without channels and recipients the fallback delivers to the console, and says so",
        "An object name that DNS does not allow is rejected",
        "Object names work up to the API server's own limit, also as a file's name",
        "A new notification is reconciled within seconds",
        "A status write that meets a conflict is retried, and keeps the fields of other writers",
        "A notification deleted during its delivery is gone at once and leaves nothing behind",
        "A spec cannot be changed, metadata can, and neither causes a second delivery",
        "A notification deleted before the operator saw it is never delivered",
    ),
    "rapid": (
        "Ten notifications created and deleted in turn are delivered at most once each",
        "Objects that reuse a name are independent of each other",
        "Deletion right after creation causes no error, twenty times in a row",
        "Twenty notifications created and deleted concurrently are delivered at most once each",
    ),
    "data": (
        "A subject and a body of one letter are accepted, and empty ones are rejected",
        "The longest subject is delivered whole",
        "A body of many thousand characters is delivered whole",
        "A notification without channels goes to the console by the fallback",
        "A notification with an empty list of channels goes where routing says",
        "A subject one character too long is rejected, with the field's name",
        "An unknown priority, type or channel is rejected, with the field's name",
        "Text of any script and emoji are delivered character by character",
        "A channel that is listed several times is delivered to once",
        "Markup and commands are delivered as plain text",
        "A password is redacted in the delivery, and kept in the spec",
        "Several kinds of secrets in one text are all redacted",
        "Redaction leaves everything else unchanged",
        "Secrets in a URL are redacted, and the rest of the URL is kept",
    ),
    "deliver": (
        "A 400 response ends delivery at once",
        "A 403 response ends delivery at once",
        "A 404 response ends delivery at once",
        "A 410 response ends delivery at once",
        "A 502 response, and other transient ones, are retried until an attempt succeeds",
    ),
    "error": (
        "The status has each failure with its code and the receiver's own text",
        "An error text of a megabyte is truncated, and the status stays small",
        "A delivery interrupted by the operator's end is not recorded, and is repeated",
        "An attempt that times out fails as transient",
        "A channel with a bug fails its own notification, and no other",
        "Errors without a message, and without any text, are recorded by their type",
        "An error text that JSON cannot hold is stored with replacement characters",
        "The root of a chain of errors is reported, and a mark inside the chain counts",
        "Errors of many concurrent notifications are not mixed",
    ),
    "shutdown": (
        "A delivery that runs at the stop signal is finished, recorded and not repeated",
        "After the stop signal nothing new starts; the next process does it",
        "Audit events buffered in memory are stored before the process ends",
        "The stop ends in time even when no receiver ever responds",
    ),
    "multi": (
        "The console alone is enough",
        "A receiver that is down does not affect the channel that works",
        "A single channel that stays down ends in Failed, after all its attempts and no more",
    ),
    "observe": (
        "Counts, time and metrics show one success as one",
        "Each further attempt is visible in the status while it happens",
        "The duration of a delivery is in the status and in a metric",
        "The status has each channel's result, and the reason of a failure",
        "A watch shows the phases in their order, each with its reason",
    ),
    "concur": (
        "Ten notifications created at the same time are delivered once each",
        "Twenty notifications created in quick succession are delivered once each",
        "Two operators never deliver the same notification twice",
        "The breaker opens after the configured failures, and then blocks further attempts",
        "The breaker lets probes through after its time, and closes when they succeed",
    ),
    "edge": (
        "A body of a thousand characters takes no longer than a short one",
        "Bodies up to the API server's own limit are delivered whole",
        "Twenty longer bodies are delivered within two minutes",
        "A quick receiver leads to a quick delivery",
        "Small urgent notifications are not delayed by large ones before them",
        "After a burst everything is delivered once, and the operator is idle",
    ),
    "load": (
        "A hundred concurrent notifications reach the console, within bounds of memory and workers",
        "A hundred requests to Slack share a few connections",
        "A hundred notifications on two channels all end as their receivers responded",
    ),
    "phase": (
        "A delivered notification ends as Sent, after Pending and Sending",
        "A notification that fails permanently everywhere ends as Failed",
        "A notification that succeeds in part ends as PartiallySent",
        "A slow delivery is visible as Pending, then as Sending",
        "Sent never changes, whatever happens to the object or the operator",
        "Failed and PartiallySent never change, even when the receiver recovers",
        "The final status summarizes the delivery in words and numbers",
    ),
    "prio": (
        "Priority critical is kept, and shown wherever it is delivered",
        "Priority high is kept, and shown wherever it is delivered",
        "Priority medium is kept, and shown wherever it is delivered",
        "Priority low is kept, and shown wherever it is delivered",
        "An omitted priority is medium, and an empty one is rejected",
        "The priority stays the same through retries, in the message and in the audit events",
        "An urgent escalation is delivered as one, its labels unchanged",
        "A message of low priority is delivered as one",
        "Notifications of every priority are delivered",
    ),
    "resource": (
        "Two hundred deliveries leave hardly more memory in use",
        "Fifty deliveries leave no more workers than before",
        "Consecutive requests share one or two connections, which are closed when idle",
        "Fifty notifications created at the same time are all delivered",
        "Nothing is kept in memory of deleted notifications",
        "An idle operator takes little memory and hardly any CPU time",
        "After a burst memory and workers are back where they were",
    ),
    "skip": (
        "A failed earlier execution goes to Slack and console, as the route says",
        "PreviousExecutionFailed goes to Slack and console",
        "ExhaustedRetries goes to Slack only",
        "ResourceBusy goes to the console only",
        "RecentlyRemediated goes to the console only",
        "All labels of a route have to match, and the first route that matches wins",
        "Without a skip reason the default receiver is selected, by name",
        "Only labels of the right domain take part in routing",
    ),
    "status": (
        "A write on an outdated version is retried on a fresh read",
        "Creation, attempts and completion are in order",
        "A write that failed is repeated without a second delivery",
        "A write for a deleted object is dropped",
        "Error texts are stored character by character, and each attempt is recorded",
        "Many attempts fit into the status",
    ),
}


def _checks(descriptions: Mapping[str, Sequence[str]]) -> tuple[Check, ...]:
    return tuple(
        Check(f"{group}-{number:02}", promise)
        for group, promises in descriptions.items()
        for number, promise in enumerate(promises, start=1)
    )


CATALOGUE = _checks(DESCRIPTIONS)
RECEIVERS = _checks(RECEIVER_DESCRIPTIONS)
SOURCES = _checks(SOURCE_DESCRIPTIONS)
CATALOGUES = {"": CATALOGUE, "receivers": RECEIVERS, "sources": SOURCES}
"""The checks by the name under which they are counted; those of the first have none."""
GROUPS = (*DESCRIPTIONS, *RECEIVER_DESCRIPTIONS, *SOURCE_DESCRIPTIONS)
BY_ID = {check.id: check for checks in CATALOGUES.values() for check in checks}
