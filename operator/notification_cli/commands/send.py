"""`notif send`: create a notification, and wait for its delivery."""

from __future__ import annotations

from typing import Annotated

import typer

from notification_cli.options import (
    Context,
    DryRun,
    Kubeconfig,
    Namespace,
    NoColor,
    OutputOption,
    Timeout,
    Wait,
    named,
)
from notification_cli.views.format import Output
from notification_contract.kinds.channel_names import CHANNELS
from notification_contract.kinds.choices import (
    BodyFormat,
    LifecycleEvent,
    MessageType,
    Priority,
)


def channels(incomplete: str) -> list[str]:
    """Return the channels that begin so, for completion."""
    return [name for name in CHANNELS if name.startswith(incomplete)]


def send(  # noqa: PLR0913 - the options
    *,
    subject: Annotated[
        str,
        typer.Option(
            "--subject", "-s", help="Subject line; required without --filename.", show_default=False
        ),
    ] = "",
    body: Annotated[
        str,
        typer.Option(
            "--body", "-b", help="Text; - reads standard input. Defaults to the subject.", show_default=False
        ),
    ] = "",
    file: Annotated[
        str,
        typer.Option(
            "--filename",
            "-f",
            metavar="FILE",
            help="YAML file with a NotificationRequest, whose fields the other options override; - is standard input.",
            show_default=False,
        ),
    ] = "",
    name: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            callback=named,
            help="Name of the notification. A random one by default.",
            show_default=False,
        ),
    ] = "",
    kind: Annotated[
        MessageType | None,
        typer.Option("--type", help="Type of the message. simple by default.", show_default=False),
    ] = None,
    priority: Annotated[
        Priority | None, typer.Option(help="Priority. medium by default.", show_default=False)
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TARGET",
            help=(
                "Channel such as slack, receiver as slack/NAME or NAMESPACE/NAME; repeatable. Without it, the "
                "routing rules choose."
            ),
            show_default=False,
            autocompletion=channels,
        ),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Label such as a=b; repeatable.", show_default=False),
    ] = None,
    link: Annotated[
        list[str] | None,
        typer.Option(metavar="LINK", help="Link as URL or TEXT=URL; repeatable.", show_default=False),
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Value that is delivered with the message; repeatable.",
            show_default=False,
        ),
    ] = None,
    email: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="Recipient of receivers of the type email; repeatable.",
            show_default=False,
        ),
    ] = None,
    phone: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NUMBER", help="Recipient of receivers of the type sms; repeatable.", show_default=False
        ),
    ] = None,
    about: Annotated[
        str,
        typer.Option(metavar="KIND/NAME", help="Object that the message is about.", show_default=False),
    ] = "",
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
    max_attempts: Annotated[
        int | None,
        typer.Option(min=1, max=10, help="Attempts of each channel. 5 by default.", show_default=False),
    ] = None,
    initial_backoff: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=300,
            metavar="SECONDS",
            help="Delay before the second attempt. 30 by default.",
            show_default=False,
        ),
    ] = None,
    backoff_multiplier: Annotated[
        int | None,
        typer.Option(
            min=1, max=10, help="Factor by which the delay grows. 2 by default.", show_default=False
        ),
    ] = None,
    max_backoff: Annotated[
        int | None,
        typer.Option(
            min=60, max=3600, metavar="SECONDS", help="Longest delay. 480 by default.", show_default=False
        ),
    ] = None,
    retention_days: Annotated[
        int | None,
        typer.Option(
            min=1, max=90, help="Days that it is kept after its completion. 7 by default.", show_default=False
        ),
    ] = None,
    dry_run: Annotated[
        DryRun,
        typer.Option(
            help="client: check and show it, without a cluster. server: let the API server check it. Nothing is created."
        ),
    ] = DryRun.NONE,
    wait: Wait = False,
    timeout: Timeout = "60s",
    namespace: Namespace = "",
    output: OutputOption = "table",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> int:
    """Create a notification.

    With `--wait`, the exit code is 1 if it is not delivered to all its targets.

    Examples: `make test 2>&1 | notif send -s "Tests failed" -b - --to slack --wait`,
    `notif send -s "Checkout is down" --to notification-system/on-call --incident checkout --event trigger`,
    `notif send -f order.yaml --priority high --dry-run client -o yaml`.
    """
    from notification_cli.actions.composing import Composition
    from notification_cli.actions.sending import Sending
    from notification_cli.actions.waiting import time_limit
    from notification_cli.clock import now
    from notification_cli.output.screen import Screen
    from notification_cli.session import run

    composition = Composition(
        file=file,
        name=name,
        subject=subject,
        body=body,
        kind=kind.value if kind else "",
        priority=priority.value if priority else "",
        to=to or (),
        labels=label or (),
        links=link or (),
        metadata=metadata or (),
        emails=email or (),
        phones=phone or (),
        about=about,
        once=once,
        incident=incident,
        event=event.value if event else "",
        format=body_format.value if body_format else "",
        template=template,
        not_before=not_before,
        deliver_before=deliver_before,
        retention_days=retention_days,
        retry={
            "maxAttempts": max_attempts,
            "initialBackoffSeconds": initial_backoff,
            "backoffMultiplier": backoff_multiplier,
            "maxBackoffSeconds": max_backoff,
        },
    )
    obj = composition.compose(now())
    namespace = namespace or obj["metadata"].get("namespace", "")
    sending = Sending(
        obj=obj,
        destinations=composition.destinations,
        once=once,
        is_dry=dry_run is not DryRun.NONE,
        wait=wait,
        seconds=time_limit(timeout),
        output=Output.of(output),
    )
    if dry_run is DryRun.CLIENT:
        return sending.run_offline(Screen.standard(no_color=no_color), namespace)
    return run(sending.run, kubeconfig=kubeconfig, context=context, namespace=namespace, no_color=no_color)
