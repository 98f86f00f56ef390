"""The demonstration: what examples/ send, and what arrives where.

With the gateway, alerts and heartbeats arrive, too.
"""

from __future__ import annotations

from tools.platform.console import out
from tools.platform.demo.cluster import NAMESPACE, DemoCluster, DemoError, Object
from tools.platform.demo.inbox import Inbox, Receivers
from tools.platform.demo.notifications import (
    TIMEOUT_SECONDS,
    Notifications,
    inbox_table,
    receivers_table,
    targets_table,
)
from tools.platform.demo.sources import forwarded, has_gateway, send_messages, sources
from tools.platform.pulumi.environment import ROOT, kubeconfig_path
from tools.platform.pulumi.stack import check_exists

EXAMPLES = ROOT / "examples"
SUSPENDED = frozenset({"night"})
"""Notifications whose receiver is suspended at first."""


def show_channels(cluster: DemoCluster) -> bool:
    """Show notifications to channels of the settings; return whether all were final in time."""
    notifications = Notifications(cluster)
    notifications.apply(EXAMPLES)
    finished = notifications.follow()
    out.print("\nConsole channel of the operator:\n")
    for text in notifications.printed():
        out.print(text)
    return finished


def show_receivers(cluster: DemoCluster, operator: Object) -> bool:
    """Show notifications to receivers, and the inbox that they lead to; return whether all were final in time."""
    home = operator["metadata"]["namespace"]
    out.print("\nReceivers, and an inbox in the cluster:\n")
    inbox, receivers = Inbox(cluster, operator), Receivers(cluster, home)
    notifications = Notifications(cluster)
    inbox.start()
    receivers.apply()
    notifications.apply(EXAMPLES / "demo" / "notifications", lambda obj: addressed_to(obj, home))
    finished = notifications.follow(waiting=SUSPENDED)
    out.print("", receivers_table(receivers.settled()), "\nResuming demo-night:\n", sep="\n")
    receivers.resume()
    finished &= notifications.follow()
    out.print("", targets_table(notifications.applied), "", inbox_table(inbox.messages()), sep="\n")
    return finished


def show_sources(cluster: DemoCluster, operator: Object, stack: str) -> None:
    """Show alerts and heartbeats that arrive over HTTP, or how to turn on the gateway that takes them."""
    home = operator["metadata"]["namespace"]
    if not has_gateway(cluster, home):
        out.print(
            "\nAlerts of a real Prometheus, and heartbeats, arrive as well if the stack has the gateway:\n"
            f"  tools/notif-platform pulumi config set gatewayEnabled true -s {stack} && tools/notif-platform up {stack}"
        )
        return
    out.print("\nAlerts and heartbeats, over HTTP:\n")
    inbox = Inbox(cluster, operator)
    with sources(cluster, home) as token, forwarded(cluster.kubeconfig, home) as gateway:
        arrived = send_messages(gateway, token, inbox.messages)
    out.print("", inbox_table(arrived), sep="\n")


def addressed_to(obj: Object, home: str) -> Object:
    """Return a notification whose receivers are in the operator's namespace, wherever that is."""
    refs = [{**ref, "namespace": home} for ref in obj["spec"]["receiverRefs"]]
    return {**obj, "spec": {**obj["spec"], "receiverRefs": refs}}


def show(stack: str) -> None:
    kubeconfig = kubeconfig_path(stack)
    if not kubeconfig.exists():
        check_exists(stack)
        raise DemoError(
            f"{stack} is not up, or its cluster is `existing`, so there is no kubeconfig of it",
            hint=f"run `make up STACK={stack}` first, or choose a stack with its own cluster",
        )
    cluster = DemoCluster(kubeconfig)
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    operator = cluster.operator()
    finished = show_channels(cluster) & show_receivers(cluster, operator)
    show_sources(cluster, operator, stack)
    out.print(
        "\nOpen the inbox at http://127.0.0.1:8025/ while this runs:\n"
        f"  kubectl --kubeconfig {kubeconfig} -n {NAMESPACE} port-forward svc/inbox 8025:80"
    )
    if not finished:
        raise DemoError(
            f"some notifications were not final after {TIMEOUT_SECONDS:g} s",
            hint="see `kubectl describe notif -n demo`",
        )
