"""`notif send`: create a notification, and wait for its delivery."""

from __future__ import annotations

from typing import Annotated

import typer

from notification_cli.options import (
    Context,
    Kubeconfig,
    Namespace,
    NoColor,
    Output,
    OutputOption,
    Timeout,
    Wait,
)
from notification_contract.kinds.channel_names import CHANNELS
from notification_contract.kinds.choices import BodyFormat, LifecycleEvent, MessageType, Priority


def channels(incomplete: str) -> list[str]:
    """Return the channels that begin so, for completion."""
    return [name for name in CHANNELS if name.startswith(incomplete)]


def send(  # noqa: PLR0913 - the options
    *,
    subject: Annotated[str, typer.Option("--subject", "-s", help="Subject line.", show_default=False)],
    body: Annotated[
        str,
        typer.Option(
            "--body", "-b", help="Text; - reads standard input. Defaults to the subject.", show_default=False
        ),
    ] = "",
    kind: Annotated[MessageType, typer.Option("--type", help="Type of the message.")] = MessageType.SIMPLE,
    priority: Annotated[Priority, typer.Option(help="Priority.")] = Priority.MEDIUM,
    to: Annotated[
        list[str] | None,
        typer.Option(
            help=(
                "Channel such as slack, receiver as slack/NAME or NAMESPACE/NAME; repeatable. Without it, the "
                "routing rules choose."
            ),
            show_default=False,
            autocompletion=channels,
        ),
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Label such as a=b; repeatable.", show_default=False)
    ] = None,
    link: Annotated[
        list[str] | None, typer.Option(help="Link as URL or TEXT=URL; repeatable.", show_default=False)
    ] = None,
    once: Annotated[
        str,
        typer.Option(
            "--once",
            metavar="KEY",
            help="Send once for each key: a repeat finds the first notification and creates nothing.",
            show_default=False,
        ),
    ] = "",
    incident: Annotated[
        str,
        typer.Option(
            "--incident",
            metavar="KEY",
            help="Incident that the message is about: its dedupKey, which all messages about the incident have.",
            show_default=False,
        ),
    ] = "",
    event: Annotated[
        LifecycleEvent | None,
        typer.Option(
            help="What happened to the incident. Trigger by default.",
            case_sensitive=False,
            show_default=False,
        ),
    ] = None,
    body_format: Annotated[
        BodyFormat | None,
        typer.Option("--format", help="How the body is read.", case_sensitive=False, show_default=False),
    ] = None,
    template: Annotated[
        str,
        typer.Option(
            metavar="CONFIGMAP/KEY",
            help="Template of the body, in place of the receivers' templates.",
            show_default=False,
        ),
    ] = "",
    not_before: Annotated[
        str,
        typer.Option(help="Deliver not before this time, as RFC 3339 or like 15m.", show_default=False),
    ] = "",
    deliver_before: Annotated[
        str,
        typer.Option(help="Start no delivery after this time, as RFC 3339 or like 2h.", show_default=False),
    ] = "",
    wait: Wait = False,
    timeout: Timeout = "60s",
    namespace: Namespace = "",
    output: OutputOption = "table",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> int:
    """Create a notification. With `--wait`, the exit code is 1 if it is not delivered to all its targets.

    Examples: `make test 2>&1 | notif send -s "Tests failed" -b - --to slack --wait`,
    `notif send -s "Checkout is down" --to notification-system/on-call --incident checkout --event trigger`.
    """
    from notification_cli.actions.sending import Sending
    from notification_cli.actions.waiting import time_limit
    from notification_cli.session import run

    sending = Sending(
        subject=subject,
        body=body,
        kind=kind.value,
        priority=priority.value,
        to=to or (),
        labels=label or (),
        links=link or (),
        once=once,
        incident=incident,
        event=event.value if event else "",
        format=body_format.value if body_format else "",
        template=template,
        not_before=not_before,
        deliver_before=deliver_before,
        wait=wait,
        seconds=time_limit(timeout),
        output=Output.of(output),
    )
    return run(sending.run, kubeconfig=kubeconfig, context=context, namespace=namespace, no_color=no_color)
