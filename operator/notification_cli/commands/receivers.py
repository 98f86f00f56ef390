"""`notif receivers` and `notif test`: where messages can go, and whether they arrive there."""

from __future__ import annotations

from typing import Annotated

import typer

from notification_cli.options import (
    AllNamespaces,
    Context,
    Kubeconfig,
    Namespace,
    NoColor,
    NoHeaders,
    OutputOption,
    ReceiverName,
    Selector,
    SortBy,
    Timeout,
    complete_receivers,
)
from notification_cli.views.format import Output


def receivers(  # noqa: PLR0913 - the options
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            autocompletion=complete_receivers,
            help="Receiver to show in detail, as NAME or NAMESPACE/NAME.",
            show_default=False,
        ),
    ] = "",
    *,
    namespace: Namespace = "",
    all_namespaces: AllNamespaces = False,
    selector: Selector = "",
    output: OutputOption = "table",
    no_headers: NoHeaders = False,
    sort_by: SortBy = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> int:
    """List receivers with their health, or show one of them.

    Of one receiver, its conditions, its replicas and who may use it are shown.

    Examples: `notif receivers -A`, `notif receivers on-call -n notification-system`.
    """
    from notification_cli.actions.receivers import ReceiverListing
    from notification_cli.session import run

    listing = ReceiverListing(
        name=name,
        all_namespaces=all_namespaces,
        labels=selector,
        output=Output.of(output, no_headers=no_headers, sort_by=sort_by),
    )
    return run(listing.run, kubeconfig=kubeconfig, context=context, namespace=namespace, no_color=no_color)


def send_test(  # noqa: PLR0913 - the options
    receiver: ReceiverName,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result.")] = False,
    timeout: Timeout = "90s",
    namespace: Namespace = "",
    output: OutputOption = "table",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> int:
    """Let the operator send a test message to a receiver.

    With `--wait`, the exit code is 1 if the receiver does not accept it. A receiver gets one test message a minute, so the
    next one can take that long.

    Example: `notif test on-call -n notification-system --wait`.
    """
    from notification_cli.actions.checks import receiver_filter
    from notification_cli.actions.receivers import ReceiverTesting
    from notification_cli.actions.waiting import time_limit
    from notification_cli.session import run

    limit = time_limit(timeout)
    chosen = receiver_filter(receiver, option="RECEIVER")
    testing = ReceiverTesting(receiver=chosen, seconds=limit if wait else None, output=Output.of(output))
    return run(testing.run, kubeconfig=kubeconfig, context=context, namespace=namespace, no_color=no_color)
