"""`notif render`: what a notification looks like for a receiver, before it is sent."""

from __future__ import annotations

from typing import Annotated

import typer

from notification_cli.options import (
    DEFAULT_OPERATOR_NAMESPACE,
    Context,
    Kubeconfig,
    Namespace,
    NoColor,
    OperatorNamespace,
    OutputOption,
    complete_receivers,
)
from notification_cli.views.format import Output


def render(  # noqa: PLR0913 - the options
    *,
    files: Annotated[
        list[str],
        typer.Option(
            "--filename",
            "-f",
            metavar="FILE",
            help="YAML file with notifications; - is standard input; repeatable.",
            show_default=False,
        ),
    ],
    receiver: Annotated[
        str,
        typer.Option(
            metavar="RECEIVER",
            autocompletion=complete_receivers,
            help="Receiver of the files or of the cluster, as NAME or NAMESPACE/NAME.",
            show_default=False,
        ),
    ],
    namespace: Namespace = "",
    operator_namespace: OperatorNamespace = DEFAULT_OPERATOR_NAMESPACE,
    output: OutputOption = "table",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> int:
    """Show what a notification looks like for a receiver.

    The operator's own channels, templates and redaction make it, and nothing is sent. Values of Secrets are neither
    read nor shown. A receiver, or the ConfigMap with its templates, that the files do not have is read from the cluster.

    Example: `notif render -f order.yaml --receiver notification-system/on-call`.
    """
    import asyncio

    from notification_cli.actions.rendering import Rendering
    from notification_cli.output.screen import Screen
    from notification_cli.session import run

    rendering = Rendering(
        files=files, receiver=receiver, home=operator_namespace, namespace=namespace, output=Output.of(output)
    )
    documents = rendering.documents()
    if rendering.local(documents):
        return asyncio.run(rendering.offline(Screen.standard(no_color=no_color), documents))
    return run(
        lambda session: rendering.run(session, documents),
        kubeconfig=kubeconfig,
        context=context,
        namespace=namespace,
        no_color=no_color,
    )
