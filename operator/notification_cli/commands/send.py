"""`notif send`: create a notification, and wait for its delivery."""

from __future__ import annotations

from typing import Annotated

import typer

from notification_cli.boundary import finish
from notification_cli.options import (
    ChannelChoice,
    Context,
    Kubeconfig,
    Namespace,
    NoColor,
    Output,
    OutputOption,
    PriorityChoice,
    TypeChoice,
)


def send(  # noqa: PLR0913 - the options
    *,
    subject: Annotated[str, typer.Option("--subject", "-s", help="Subject line.", show_default=False)],
    body: Annotated[
        str,
        typer.Option(
            "--body", "-b", help="Text; - reads standard input. Defaults to the subject.", show_default=False
        ),
    ] = "",
    kind: Annotated[TypeChoice, typer.Option("--type", help="Type of the message.")] = TypeChoice.SIMPLE,
    priority: Annotated[PriorityChoice, typer.Option(help="Priority.")] = PriorityChoice.MEDIUM,
    to: Annotated[
        list[ChannelChoice] | None,
        typer.Option(help="Channel; repeatable. Without it, the routing rules choose.", show_default=False),
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Label such as a=b; repeatable.", show_default=False)
    ] = None,
    link: Annotated[
        list[str] | None, typer.Option(help="Link as URL or TEXT=URL; repeatable.", show_default=False)
    ] = None,
    dedup: Annotated[
        str,
        typer.Option(
            metavar="KEY", help="Send once for each key: a repeat finds the first one.", show_default=False
        ),
    ] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is delivered or has failed.")] = False,
    timeout: Annotated[str, typer.Option(help="Time limit of --wait.")] = "60s",
    namespace: Namespace = "",
    output: OutputOption = Output.TABLE,
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> None:
    """Create a notification. With `--wait`, the exit code is 1 if it is not delivered to all its channels.

    Example: `make test 2>&1 | notif send -s "Tests failed" -b - --to slack --wait`.
    """

    def work() -> int:
        from notification_cli.actions.sending import Sending
        from notification_cli.kube.connection import Access
        from notification_cli.output.screen import Screen
        from notification_cli.session import run

        sending = Sending(
            subject=subject,
            body=body,
            kind=kind.value,
            priority=priority.value,
            channels=[each.value for each in to or ()],
            labels=label or (),
            links=link or (),
            dedup=dedup,
            wait=wait,
            timeout=timeout,
            output=output,
        )
        access = Access(kubeconfig=kubeconfig, context=context, namespace=namespace)
        return run(access, Screen.standard(no_color=no_color), sending.run)

    finish(work)
