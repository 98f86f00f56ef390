"""`notif top`: figures by namespace."""

from __future__ import annotations

from notification_cli.options import (
    AllNamespaces,
    Context,
    Kubeconfig,
    Namespace,
    NoColor,
    NoHeaders,
    OutputOption,
    Selector,
    SortBy,
)
from notification_cli.views.format import Output


def top(  # noqa: PLR0913 - the options
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
    """Show figures of the notifications by namespace.

    They are phases, reasons of failure, and delivery times: P50 and P95 are times from creation to delivery.

    Example: `notif top -A --sort-by .open`.
    """
    from notification_cli.actions.counting import Counting
    from notification_cli.session import run

    counting = Counting(
        all_namespaces=all_namespaces,
        labels=selector,
        output=Output.of(output, no_headers=no_headers, sort_by=sort_by),
    )
    return run(counting.run, kubeconfig=kubeconfig, context=context, namespace=namespace, no_color=no_color)
