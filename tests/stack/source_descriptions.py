"""The promises about NotificationSources and the gateway as pods, by group; the catalogue numbers them."""

from __future__ import annotations

SOURCE_DESCRIPTIONS = {
    "sources": (
        "Two replicas of the gateway run, restricted and with their configuration alone, and kubectl shows a source",
        "An alert that fires and resolves is one Trigger and one Resolve through the Service, and one incident",
        "A CloudEvent a hundred times at once through the Service is one notification",
        "A service account creates a notification, and waits for its end; one without the permission is refused",
        "The gateway's account has exactly the rights that the gateway uses",
        "A pod that is deleted under traffic loses and repeats nothing",
        "A missing heartbeat is told once, within the grace and 5 s, and its return once",
        "A Secret that is rotated under traffic refuses no message",
        "The command line lists and shows a source, and sends a heartbeat to a pod of the gateway",
        "A Trigger through one source and its Resolve through another open and close one incident at PagerDuty",
        "A post with the signature of Slack is accepted; one that another secret signs is refused",
    ),
}
