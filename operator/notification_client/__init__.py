"""Sends notifications from Python: `Notifier(namespace).send(subject, body)`, and `AsyncNotifier` for asyncio.

The credentials are the pod's service account, else the kubeconfig. The right to create is enough to send; to wait
takes the right to get.
"""

from notification_client._asynchronous import AsyncHandle, AsyncNotifier
from notification_client._message import Link, Options, Status, stable_name
from notification_client._synchronous import Handle, Notifier

__all__ = ["AsyncHandle", "AsyncNotifier", "Handle", "Link", "Notifier", "Options", "Status", "stable_name"]
