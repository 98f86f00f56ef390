"""The catalogue of the gateway: what its tests with real parts prove, by id.

The number in an id is the place of the sentence in its group; the tests of the group `gateway-alerts` are in `test_alerts.py`.
"""

from __future__ import annotations

from typing import Final

from tests.kit.check_report import CheckReport

DESCRIPTIONS: Final = {
    "gateway-alerts": (
        "A rule of a real Prometheus that fires and resolves is one Trigger and one Resolve of one incident",
        "An alert that fires and one that resolves while the gateway is dead are each told once",
        "A gateway that is killed while it stores a Trigger tells it once",
        "An API server that refuses with 503 delays an alert, and loses and repeats none",
        "A lost answer of the API server makes no second notification of an alert",
        "An hour of repeats by two Alertmanagers in HA is one Trigger and one Resolve",
        "With repeatAfter an alert is told once per period, whichever Alertmanager repeats it",
        "Alerts of one group that fire and resolve one by one are told each, as one incident",
        "An alert beyond a quota is told when the quota allows it",
        "An alert beyond the rate limit of the source is told later",
        "A gateway that ends answers the post of an Alertmanager that it is storing",
        "An alert that Alertmanager resolved too early is told again although its start is the same",
    ),
    "gateway-senders": (
        "A CloudEvent of the SDK in binary mode is stored, with its priority by a path into its data",
        "A CloudEvent is the same notification in binary and in structured mode",
        "Each event of a batch is stored",
        "A CloudEvent with binary data says how much it has",
        "The client of slack-sdk sends texts, blocks and attachments to a URL with a secret path",
        "The client of slack-sdk reads the errors of Slack",
        "A message that the library of Standard Webhooks signs is accepted, and once by its id",
        "A message signed with another secret, or an hour ago, is refused",
        "A delivery of GitHub is stored once, however often it is redelivered",
        "A delivery of GitHub as a form is read as that in JSON",
        "A webhook of GitLab with its token is stored once by its key",
        "A signed webhook of Grafana fires and resolves one incident",
        "Plain curl sends JSON and beats",
    ),
    "gateway-repeats": (
        "A CloudEvent a hundred times at once to two replicas is one object",
        "A batch a hundred times at once to two replicas is one object per event",
        "An Idempotency-Key a hundred times at once is one object, and 409 with another body",
        "A message of Slack a hundred times at once is one object, and always ok",
        "A group of alerts a hundred times at once to two replicas is one object",
        "A notification of a caller a hundred times at once is one 201 and 99 times 200 with the same answer",
        "Different messages at once are each an object",
    ),
    "gateway-secrets": (
        "A bearer token is rotated under 20 messages a second, and none is refused",
        "A signing secret is rotated under 20 messages a second, and none is refused",
        "A rotation refuses no message while a stranger guesses",
        "A second Secret is accepted before the first one is removed",
        "Deleting the Secret of a path revokes its URL on every replica, and makes another one",
        "The secret part of a URL is in none of 10,000 log lines, whatever is sent with it",
        "The secret part of a URL is in no metric, status, object and Event",
    ),
    "gateway-hostile": (
        "1,000 hostile requests are answered without a 5xx but 503, in 120 MB, and leave nothing",
        "Bodies beyond the memory of all requests are told to come again, and the gateway stays small",
        "A flood of wrong credentials delays a right sender little",
        "Everything that is not authenticated gets the same answer, byte by byte",
        "The largest group of alerts is stored, cut, with the number of further alerts",
        "A template without an end costs its own messages the text, and other sources nothing",
        "1,000 strangers who hold connections keep no sender out, and the gateway stays small",
    ),
    "gateway-service": (
        "A source that breaks a rule of the kind is refused with the reason",
        "A source has the defaults of its model",
        "The name of a source is no longer than a label",
        "Posts become one notification each, and the status of the source counts them",
        "A service account creates what it may, and nothing else",
        "Two replicas that write the status of one source lose no entry",
        "The Lease of a replica that was killed goes away, and that of one that ends immediately",
        "A missing Secret is named in the status, and used by the first message after it exists",
        "A message that the admission policies would refuse is cut and stored",
        "A gateway that ends answers what it has read, and stores all that it answers",
        "A message while the API server is away is 503 for every type, and is stored when it comes again",
        "A watch that is cut or expires misses no source",
        "A caller gets 429 for a quota, 403 without the permission, and 422 with the fields for its content",
        "A kind that is installed after the gateway is served without a restart",
        "The status of a source is refused to a user who is neither a gateway nor an operator",
    ),
}
REPORT: Final = CheckReport(title="gateway", descriptions=DESCRIPTIONS)
