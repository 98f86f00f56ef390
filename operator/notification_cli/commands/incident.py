"""`notif incident`: the notifications about one incident."""

from __future__ import annotations

from typing import Annotated

import typer

from notification_cli.options import Context, Kubeconfig, Namespace, NoColor, OutputOption
from notification_cli.views.format import Output


def incident(  # noqa: PLR0913 - the options
    key: Annotated[
        str,
        typer.Argument(help="Key of the incident: the dedupKey of its notifications.", show_default=False),
    ],
    *,
    namespace: Namespace = "",
    output: OutputOption = "table",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> int:
    """Show the events of an incident, and what each target got.

    Example: `notif incident checkout/eu-west -n shop`.
    """
    from notification_cli.actions.incident import ShowingIncident
    from notification_cli.session import run

    showing = ShowingIncident(key=key, output=Output.of(output))
    return run(showing.run, kubeconfig=kubeconfig, context=context, namespace=namespace, no_color=no_color)
