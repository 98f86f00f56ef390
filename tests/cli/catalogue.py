"""The catalogue of the command line: what its tests with real parts prove, by id.

It is apart from that of the stack tests, which need a cluster with nodes. The number in an id is the place of the
sentence in its group; a test has the mark `check` with the id.
"""

from __future__ import annotations

from typing import Final

DESCRIPTIONS: Final = {
    "cli": (
        "What was sent is listed, shown and explained, with the body from a pipe",
        "A second message with the same key creates nothing, succeeds and says so",
        "The pages of a list are together the whole list, in order, with every filter and limit",
        "A reader such as head that closes the pipe ends the list without an error",
        "A missing right is one line with user, verb, resource and namespace",
        "Without the right to read the routing rules, everything else is shown",
        "A token that the API server does not accept is one line that says to log in again",
        "A kubeconfig with an expired certificate is one line that says to log in again",
        "A kubeconfig that is broken, or lacks the context, is one line that names the file and the contexts",
        "An API server that does not respond is one line with the name of the context",
        "An invalid label selector is wrong usage, and the part that is wrong is named",
        "A notification that the API server refuses is one line with field and reason",
        "A body that is not UTF-8 is stored with replacement characters",
        "A name that does not exist is one line with name and namespace",
        "A cluster without the CRD is one line that names the CRD",
        "With an older CRD that cannot select phases, ls --phase selects itself and says so",
        "With an older platform without receivers, receivers is one line and show works",
        "send --wait ends with the delivery, and its exit code is the result",
        "send --wait of a notification that is deleted ends with one line",
        "send --wait that takes too long has the exit code 4",
        "ls -w shows what is created, changed and deleted",
        "route test applies the rules of the cluster, and its exit code is the result",
        "lint and the API server agree about notifications, valid and not",
        "lint and the API server agree about receivers, valid and not",
        "send writes receivers, key, event, format and times into the spec",
        "A receiver of another type is refused before anything is sent",
        "A destination of another form is wrong usage, in one line",
        "show and why name receivers, their health and fallback, and those that do not exist",
        "Without the right to read receivers, show names the right and shows the rest",
        "ls --receiver finds what names a receiver and what was routed to it",
        "route test shows receivers, and compares them with expectations",
        "receivers lists type, default, conditions and failures of every receiver",
        "receivers NAME shows conditions, replicas, users, limits and the last test",
        "test --wait ends with the operator's answer, and its exit code is the result",
        "The request of a test is later than the last one, so that it is answered",
        "A test that nobody answers has the exit code 4, and a missing right is named",
        "The wheel installs notif, the plugin of kubectl and its completion",
        "On a terminal of 40 columns no line is longer, and names and phases are there",
        "In a pipe the output has no colors, and no line is cut",
        "ls --limit 0 lists all, and a limit that makes no sense is wrong usage",
        "Thousands of matches are all listed, in order, and ls --limit ends early",
        "render shows what a receiver of the cluster would get, by its template and without its Secrets",
        "incident shows the notifications with a key in their order, and what each target got",
        "source ls lists type, readiness and counts of every source",
        "source show names URL path, credentials, limit, counts, conditions and the next heartbeat",
        "source test shows notifications that the API server accepts, by a source of the cluster",
        "Without the CRD of sources, or the right to read them, source ls is one line",
        "lint and the API server agree about sources, valid and not",
    ),
    "redrive": (
        "replay creates a new notification for the targets that missed the original",
        "A replay of a notification that is open, delivered or replayed too often is refused in one line",
        "The API server refuses a replay that is too deep or incomplete",
        "With a CRD without replays nothing is created, and the field is named",
        "redrive shows what it would send, and sends it only with --yes",
        "redrive --receiver sends only what this receiver missed, and only to it",
        "redrive does not send again what it has sent before",
        "A name that another notification has is made longer",
        "A notification that vanishes during a redrive is counted, and the others are sent",
        "redrive sends no faster than --rate",
        "A redrive that Ctrl-C interrupts says how to go on",
        "redrive --when-healthy waits for the receiver, and no longer than --timeout",
        "A wrong option of redrive is wrong usage, and --limit 0 is one",
        "redrive without the right to create stops at once and names the right",
        "A redrive of 1,000 that is killed five times sends each exactly once",
        "redrive of thousands of matches counts all of them and keeps to --limit",
        "redrive leaves out the Triggers of resolved incidents, unless --include-resolved",
        "An incident that is resolved while a redrive waits is not opened again",
        "redrive leaves out what a fallback has delivered, unless --include-rescued",
    ),
    "drill": (
        "drill reaches every receiver, prints times and resolves what it has opened",
        "A drill that does not arrive has the exit code 1 and the reason",
        "A drill that nobody delivers ends in time, with the exit code 4",
        "A drill without a receiver is one line",
        "A missing right fails the drill of a receiver, with the right in its row",
        "drill -n A,B reaches the receivers of each namespace once",
    ),
    "page": (
        "A change appears by itself, and nothing violates the page's policy",
        "Lists, pages and the filter work without JavaScript",
        "Every page fits 400 pixels, whatever its texts are",
        "The page is dark or light, as the browser prefers",
        "axe finds no serious or critical barrier on any page, light and dark",
        "No page makes a request to another host than 127.0.0.1",
        "A foreign name that resolves to this machine (DNS rebinding) is refused",
        "A page of another origin can neither read nor frame the page nor load its script",
        "A notification that vanishes while it is shown is named, and the tabs stay",
        "A change takes nothing from a filter that is being written",
        "The keyboard reaches everything in order, with a visible focus",
        "The page lists the cluster's notifications by pages of at most 100 KB, and follows them",
        "Ctrl-C ends the page with the exit code 0",
        "The page shows the cluster's receivers, follows their health and filters by them",
        "Without the right to list receivers their tab says so, and all else works",
    ),
}
CHECKS: Final = {
    f"{group}-{number:02}": promise
    for group, promises in DESCRIPTIONS.items()
    for number, promise in enumerate(promises, start=1)
}
"""The promises by id."""
