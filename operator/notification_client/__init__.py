"""Sends notifications from Python: `Notifier(namespace).send(subject, body)`, and `AsyncNotifier` for asyncio.

The credentials are the pod's service account, else the kubeconfig. The right to create is enough to send; to wait
takes the right to get. Outside of the cluster, `Notifier(namespace, url=..., token=...)` sends through the gateway. For a client of
your own, `notification` returns the object to create.
"""

from notification_client._asynchronous import AsyncHandle, AsyncNotifier
from notification_client._message import Link, Options, Status, notification, stable_name, status_of
from notification_client._synchronous import Handle, Notifier

__all__ = [
    "AsyncHandle",
    "AsyncNotifier",
    "Handle",
    "Link",
    "Notifier",
    "Options",
    "Status",
    "notification",
    "stable_name",
    "status_of",
]
