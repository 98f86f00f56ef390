"""`notif replay` and `notif redrive`: send finished notifications again."""

from __future__ import annotations

from typing import Annotated

import typer

from notification_cli.options import (
    AllNamespaces,
    Context,
    FinalPhaseChoice,
    Kubeconfig,
    Name,
    Namespace,
    NoColor,
    OutputOption,
    Selector,
    Timeout,
    Wait,
    Yes,
    complete_receivers,
)
from notification_cli.views.format import Output

IncludeResolved = Annotated[
    bool,
    typer.Option(
        "--include-resolved",
        help="Also send messages whose incident was resolved or reported again since.",
    ),
]


def replay(  # noqa: PLR0913 - the options
    name: Name,
    *,
    all_targets: Annotated[
        bool, typer.Option("--all-targets", help="Also send it to targets that have got it.")
    ] = False,
    include_resolved: IncludeResolved = False,
    yes: Yes = False,
    wait: Wait = False,
    timeout: Timeout = "60s",
    namespace: Namespace = "",
    output: OutputOption = "table",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> int:
    """Send a finished notification to the targets that missed it.

    The replay is a new notification; the original stays as it is. The command shows the targets, and asks.

    Example: `notif replay order-4711 -n shop --wait`.
    """
    from notification_cli.actions.confirming import demand_answer
    from notification_cli.actions.resending.replaying import Replaying
    from notification_cli.actions.waiting import time_limit
    from notification_cli.session import run

    limit = time_limit(timeout)
    replaying = Replaying(
        name=name,
        all_targets=all_targets,
        include_resolved=include_resolved,
        seconds=limit if wait else None,
        yes=yes,
        output=Output.of(output),
    )
    demand_answer(yes=yes)
    return run(replaying.run, kubeconfig=kubeconfig, context=context, namespace=namespace, no_color=no_color)


def redrive(  # noqa: PLR0913 - the options
    *,
    selector: Selector = "",
    phase: Annotated[
        list[FinalPhaseChoice] | None,
        typer.Option(
            help="Only notifications in this phase; repeatable. Failed by default.", show_default=False
        ),
    ] = None,
    reason: Annotated[
        list[str] | None,
        typer.Option(
            help="Only with this reason, of the phase or of a failed target, such as ReceiverNotReady; repeatable.",
            show_default=False,
        ),
    ] = None,
    receiver: Annotated[
        str,
        typer.Option(
            metavar="RECEIVER",
            autocompletion=complete_receivers,
            help="Only what this receiver missed, and only to it, as NAME or NAMESPACE/NAME.",
            show_default=False,
        ),
    ] = "",
    since: Annotated[
        str, typer.Option(help="Only notifications created within this time, such as 2h.", show_default=False)
    ] = "",
    rate: Annotated[int, typer.Option(min=1, max=1000, help="Notifications per second.")] = 5,
    limit: Annotated[int, typer.Option(min=1, help="Send at most so many.")] = 500,
    batch: Annotated[
        str,
        typer.Option(
            metavar="ID", help="Name of the batch, which sends each notification once.", show_default=False
        ),
    ] = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="Send; without it, only show what would be sent.")
    ] = False,
    when_healthy: Annotated[
        bool, typer.Option("--when-healthy", help="Send only while the receivers are healthy.")
    ] = False,
    timeout: Annotated[str, typer.Option(help="How long --when-healthy waits.")] = "1h",
    include_resolved: IncludeResolved = False,
    include_rescued: Annotated[
        bool,
        typer.Option(
            "--include-rescued",
            help="Also send messages that a fallback has delivered, to the targets that missed them.",
        ),
    ] = False,
    namespace: Namespace = "",
    all_namespaces: AllNamespaces = False,
    output: OutputOption = "table",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> int:
    """Send many failed notifications again, at a bounded rate.

    Without `--yes`, a table shows what would be sent. An interrupted run goes on with the same `--batch`, and repeats
    nothing.

    Example: `notif redrive -A --receiver notification-system/on-call --since 6h --when-healthy`.
    """
    from notification_cli.actions.resending.redriving import Redriving
    from notification_cli.actions.waiting import time_limit
    from notification_cli.session import run

    limit_seconds = time_limit(timeout)
    redriving = Redriving(
        batch=batch,
        phases=[each.value for each in phase or (FinalPhaseChoice.FAILED,)],
        labels=selector,
        reasons=reason or (),
        receiver=receiver,
        since=since,
        all_namespaces=all_namespaces,
        rate=rate,
        limit=limit,
        sends=yes,
        healthy_seconds=limit_seconds if when_healthy else None,
        include_resolved=include_resolved,
        include_rescued=include_rescued,
        output=Output.of(output),
    )
    return run(redriving.run, kubeconfig=kubeconfig, context=context, namespace=namespace, no_color=no_color)
