"""`notif top`: figures by namespace."""

from __future__ import annotations

from notification_cli.options import (
    Context,
    Kubeconfig,
    Namespace,
    NoColor,
    Output,
    OutputOption,
    Selector,
)


def top(  # noqa: PLR0913 - the options
    *,
    namespace: Namespace = "",
    selector: Selector = "",
    output: OutputOption = Output.TABLE,
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> int:
    """Show figures of the notifications by namespace.

    They are phases, reasons of failure, and delivery times. All namespaces are shown, or the one of `-n`. P50 and P95 are times from creation to delivery.
    """
    from notification_cli.actions.counting import Counting
    from notification_cli.session import run

    counting = Counting(namespace=namespace, labels=selector, output=output)
    return run(counting.run, kubeconfig=kubeconfig, context=context, namespace=namespace, no_color=no_color)
