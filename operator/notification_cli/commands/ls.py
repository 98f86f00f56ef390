"""`notif ls`: list notifications, and follow their changes."""

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
    Selector,
    SortBy,
    complete_receivers,
)
from notification_cli.views.format import Output
from notification_contract.kinds.choices import Phase


def ls(  # noqa: PLR0913 - the options
    *,
    namespace: Namespace = "",
    all_namespaces: AllNamespaces = False,
    phase: Annotated[
        list[Phase] | None,
        typer.Option(help="Only notifications in this phase; repeatable.", show_default=False),
    ] = None,
    since: Annotated[
        str,
        typer.Option(
            help="Only notifications created within this time, such as 15m or 2d.", show_default=False
        ),
    ] = "",
    receiver: Annotated[
        str,
        typer.Option(
            metavar="RECEIVER",
            autocompletion=complete_receivers,
            help="Only notifications for this NotificationReceiver, as NAME or NAMESPACE/NAME.",
            show_default=False,
        ),
    ] = "",
    waiting: Annotated[
        bool,
        typer.Option(
            "--waiting", help="Only notifications that are due and not delivered yet, and what they wait for."
        ),
    ] = False,
    selector: Selector = "",
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Then show each change, until Ctrl-C.")
    ] = False,
    limit: Annotated[int, typer.Option(min=0, help="List at most so many; 0 lists all.")] = 0,
    output: OutputOption = "table",
    no_headers: NoHeaders = False,
    sort_by: SortBy = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> int:
    """List notifications, in the order of namespace and name.

    Examples: `notif ls -A --phase Failed`, `notif ls -A --waiting`, `notif ls -l kubernaut.ai/severity=critical --since 2h -w`.
    """
    from notification_cli.actions.checks import usage
    from notification_cli.actions.listing import Listing
    from notification_cli.session import run

    listing = Listing(
        phases=[each.value for each in phase or ()],
        since=since,
        receiver=receiver,
        labels=selector,
        waiting=waiting,
        all_namespaces=all_namespaces,
        limit=limit,
        output=Output.of(output, no_headers=no_headers, sort_by=sort_by),
    )
    if watch and sort_by:
        raise usage("--sort-by and --watch exclude each other; leave out one of them")
    command = listing.follow if watch else listing.list
    return run(command, kubeconfig=kubeconfig, context=context, namespace=namespace, no_color=no_color)
