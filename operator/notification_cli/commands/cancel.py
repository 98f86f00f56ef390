"""`notif cancel`: end the delivery of a notification."""

from __future__ import annotations

from notification_cli.options import (
    Context,
    Kubeconfig,
    Name,
    Namespace,
    NoColor,
    OutputOption,
    Yes,
)
from notification_cli.views.format import Output


def cancel(  # noqa: PLR0913 - the options
    name: Name,
    *,
    yes: Yes = False,
    namespace: Namespace = "",
    output: OutputOption = "table",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> int:
    """Cancel a notification that is not delivered yet: delete it.

    No further attempt starts. What is delivered stays delivered, and an attempt that runs now can still arrive. The record of the
    notification is deleted with it. The command shows what it prevents, and asks.

    Example: `notif cancel order-4711 -n shop`.
    """
    from notification_cli.actions.cancelling import Cancelling
    from notification_cli.actions.confirming import demand_answer
    from notification_cli.session import run

    demand_answer(yes=yes)
    cancelling = Cancelling(name=name, yes=yes, output=Output.of(output))
    return run(cancelling.run, kubeconfig=kubeconfig, context=context, namespace=namespace, no_color=no_color)
