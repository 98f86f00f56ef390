"""The catalogue of checks: every promise that the stack tests have to prove, once each, by its id."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One promise."""

    id: str
    promise: str

    @property
    def group(self) -> str:
        """What stands before the number; it names the file too: tests/stack/test_<group>.py."""
        return self.id.rpartition("-")[0]


PROMISES = {
    "audit": (
        "What the console delivered is told to the audit store as sent, under the notification's uid",
        "What Slack took is told to the audit store as sent, once",
        "The remediation's name ties the events of a notification together",
        "Each channel that delivered has a sent event of its own",
        "Every event says who did what to which notification, and when",
        "Each failed try has a failed event with its error, and the end of trying is escalated",
    ),
    "partial": (
        "When only the file channel fails, the others deliver and the result is PartiallySent",
        "A first channel that fails does not stop those behind it",
        "When every channel fails the result is Failed, never PartiallySent",
    ),
    "retry": (
        "A channel that stays broken is tried up to its limit, after longer and longer pauses",
        "Nothing is tried any more once a try has succeeded",
    ),
    "crd": (
        "The smallest useful notification is stored as it was given",
        "Each optional field comes back from storage as it was given",
        "A delivered notification's status is complete: reason, message, counts, try, time",
        "Without channels and recipients the fallback delivers to the console, and says so",
        "An object name that DNS would not allow is refused",
        "Long object names work up to the API server's own limit, in a file's name too",
        "A new notification is looked at within seconds",
        "A status write that meets a conflict is made again, and loses nobody's fields",
        "A notification deleted in mid-delivery goes at once and leaves nothing behind",
        "A spec cannot be changed, metadata can, and neither delivers anew",
        "What was deleted before the operator saw it is never delivered",
    ),
    "rapid": (
        "Ten notifications made and deleted in turn are delivered at most once each",
        "A name that is used again begins a life of its own each time",
        "Deletion right after creation does no harm, twenty times in a row",
        "Twenty notifications made and deleted side by side are delivered at most once each",
    ),
    "data": (
        "A subject and a body of one letter are enough, and less is refused",
        "The longest subject is delivered whole",
        "A body of many thousand characters is delivered whole",
        "A notification that names no channels goes to the console by the fallback",
        "A notification with an empty list of channels goes where routing says",
        "A subject one character too long is refused, by the field's name",
        "A priority, type or channel that does not exist is refused, by the field's name",
        "Scripts of the world and emoji are delivered character by character",
        "A channel that is listed again and again is served once",
        "Markup and commands are delivered as the text that they are",
        "A password is masked in what is delivered, and kept in the spec",
        "Several kinds of secrets in one text are all masked",
        "Masking leaves what is no secret as it was",
        "Secrets in a URL are masked, and the rest of the URL is kept",
    ),
    "deliver": (
        "An answer of 400 ends the trying at once",
        "An answer of 403 ends the trying at once",
        "An answer of 404 ends the trying at once",
        "An answer of 410 ends the trying at once",
        "An answer of 502, and others that may pass, is tried again until it succeeds",
    ),
    "error": (
        "The status shows each failure with its code and the receiver's own words",
        "An error text of a megabyte is cut, and the status stays small",
        "A delivery broken off by the operator's end is recorded as nothing, and made again",
        "A try that takes too long fails as one that may be tried again",
        "A channel with a bug fails its own notification, and no other",
        "Errors without a message, and without a text at all, are told all the same",
        "An error text that no JSON could hold is stored with its bad parts replaced",
        "The root of a chain of errors is told, and a mark inside the chain counts",
        "Errors of many notifications at once stay with their own notification",
    ),
    "shutdown": (
        "What is being delivered at the stop signal is finished, recorded and not repeated",
        "After the stop signal nothing new begins; the next process does it",
        "Audit events that wait in memory are stored before the process ends",
        "The stop ends in time even when no receiver ever answers",
    ),
    "multi": (
        "The console alone is enough",
        "A receiver that is down takes nothing from the channel that works",
        "An only channel that stays down ends in Failed, after all its tries and no more",
    ),
    "observe": (
        "Counts, time and metrics tell of one success as one",
        "Each further try can be followed in the status while it happens",
        "How long a delivery took can be read from the status and from a metric",
        "The status tells each channel's result, and the reason of a failure",
        "A watch sees the phases in their order, each with its reason",
    ),
    "concur": (
        "Ten notifications made at the same time are delivered once each",
        "Twenty notifications made in quick succession are delivered once each",
        "Two operators never deliver the same notification twice",
        "The breaker opens after the failures that it is set to, and then spares the receiver",
        "The breaker lets probes through after its time, and closes when they succeed",
    ),
    "edge": (
        "A body of a thousand characters takes no longer than a short one",
        "Bodies up to the API server's own limit are delivered whole",
        "Twenty longer bodies are delivered within two minutes",
        "A quick receiver makes a quick delivery",
        "Small urgent notifications are not held up by large ones before them",
        "After a burst everything is delivered once, and the operator rests",
    ),
    "load": (
        "A hundred notifications at once all reach the console, within bounds of memory and workers",
        "A hundred requests to Slack share a few connections",
        "A hundred notifications on two channels all end as their receivers answered",
    ),
    "phase": (
        "What is delivered ends as Sent, after Pending and Sending",
        "What fails for good everywhere ends as Failed",
        "What succeeds in part ends as PartiallySent",
        "A slow delivery can be seen as Pending, then as Sending",
        "Sent stays as it is, whatever happens to the object or the operator",
        "Failed and PartiallySent stay as they are, even when the receiver recovers",
        "The final status tells the whole story in words and numbers",
    ),
    "prio": (
        "Priority critical is kept, and shown wherever it is delivered",
        "Priority high is kept, and shown wherever it is delivered",
        "Priority medium is kept, and shown wherever it is delivered",
        "Priority low is kept, and shown wherever it is delivered",
        "A priority that is left out is medium, and an empty one is refused",
        "The priority stays the same through tries, in the message and in the audit events",
        "An urgent escalation is delivered as one, its labels untouched",
        "A message of low priority is delivered as one",
        "Notifications of every priority are delivered",
    ),
    "resource": (
        "Two hundred deliveries leave hardly more memory in use",
        "Fifty deliveries leave no more workers than before",
        "Requests one after another share a connection or two, which are closed when unused",
        "Fifty notifications made at the same time are all delivered",
        "Nothing is remembered of notifications that were deleted",
        "An operator without work takes little memory and hardly any time",
        "After a burst memory and workers are back where they were",
    ),
    "skip": (
        "A failed earlier execution routes to Slack and console, as the rule says",
        "PreviousExecutionFailed goes to Slack and console",
        "ExhaustedRetries goes to Slack only",
        "ResourceBusy goes to the console only",
        "RecentlyRemediated goes to the console only",
        "All labels of a rule have to match, and the first rule that matches wins",
        "Without a skip reason the default receiver is taken, and called so",
        "Only labels of the right domain take part in routing",
    ),
    "status": (
        "A write on an outdated version is made again on a fresh read",
        "Creation, tries and completion are in order",
        "A write that failed is made up for without a second delivery",
        "A write for an object that is gone is let go",
        "Error texts are stored character by character, and each try is recorded",
        "Many tries fit into the status",
    ),
}
GROUPS = tuple(PROMISES)
CATALOGUE = tuple(
    Check(f"{group}-{number:02}", promise)
    for group, promises in PROMISES.items()
    for number, promise in enumerate(promises, start=1)
)
BY_ID = {check.id: check for check in CATALOGUE}
