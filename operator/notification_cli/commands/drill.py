"""`notif drill`: prove that messages arrive, before one has to."""

from __future__ import annotations

from typing import Annotated

import typer

from notification_cli.options import (
    AllNamespaces,
    Context,
    Kubeconfig,
    Namespaces,
    NoColor,
    OutputOption,
    Selector,
    Yes,
    complete_receivers,
)
from notification_cli.views.format import Output


def drill(  # noqa: PLR0913 - the options
    *,
    receiver: Annotated[
        str,
        typer.Option(
            metavar="RECEIVER",
            autocompletion=complete_receivers,
            help="all, or one receiver as NAME or NAMESPACE/NAME.",
        ),
    ] = "all",
    yes: Yes = False,
    timeout: Annotated[str, typer.Option(help="Time limit for each receiver.")] = "60s",
    namespace: Namespaces = "",
    all_namespaces: AllNamespaces = False,
    selector: Selector = "",
    output: OutputOption = "table",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> int:
    """Send marked messages to receivers, to see whether they arrive.

    The messages begin with [DRILL] and are delivered like any other message; people get them. The command shows the receivers, and asks.
    The exit code is 1 if a message does not arrive, and 4 if one takes longer than `--timeout`.

    Example: `notif drill -A`.
    """
    from notification_cli.actions.confirming import demand_answer
    from notification_cli.actions.drilling import Drilling
    from notification_cli.actions.waiting import time_limit
    from notification_cli.session import run

    drilling = Drilling.of(
        receiver=receiver,
        namespace=namespace,
        seconds=time_limit(timeout),
        all_namespaces=all_namespaces,
        labels=selector,
        yes=yes,
        output=Output.of(output),
    )
    demand_answer(yes=yes)
    return run(drilling.run, kubeconfig=kubeconfig, context=context, namespace=namespace, no_color=no_color)
