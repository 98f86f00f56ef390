"""`notif source`: where messages come in through the gateway, and what they become."""

from __future__ import annotations

from typing import Annotated

import typer

from notification_cli.boundary import ending
from notification_cli.options import (
    DEFAULT_OPERATOR_NAMESPACE,
    AllNamespaces,
    Context,
    Kubeconfig,
    Namespace,
    NoColor,
    NoHeaders,
    OperatorNamespace,
    OutputOption,
    Selector,
    SortBy,
    SourceName,
    complete_sources,
)
from notification_cli.views.format import Output

source = typer.Typer(
    help="List, show and test the sources of messages.", no_args_is_help=True, rich_markup_mode=None
)


def _types() -> list[str]:
    from notification_contract.sources.source import SourceType

    return list(SourceType)


@source.callback()
def group() -> None:
    """List, show and test the sources of messages: the NotificationSources that the gateway serves."""


@source.command("ls")
@ending
def ls(  # noqa: PLR0913 - the options
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
    """List sources with what they have received and rejected.

    The counts are those of the replicas of the gateway that run now.

    Example: `notif source ls -A`.
    """
    from notification_cli.actions.sources import SourceListing
    from notification_cli.session import run

    listing = SourceListing(
        all_namespaces=all_namespaces,
        labels=selector,
        output=Output.of(output, no_headers=no_headers, sort_by=sort_by),
    )
    return run(listing.run, kubeconfig=kubeconfig, context=context, namespace=namespace, no_color=no_color)


@source.command("show")
@ending
def show(  # noqa: PLR0913 - the options
    name: SourceName,
    *,
    namespace: Namespace = "",
    operator_namespace: OperatorNamespace = DEFAULT_OPERATOR_NAMESPACE,
    output: OutputOption = "table",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> int:
    """Show one source: its URL path, its credentials, its counts and its conditions.

    The secret part of a URL is not shown. Of a heartbeat, the last beat is shown, and when the next one is due.

    Example: `notif source show alerts -n notification-system`.
    """
    from notification_cli.actions.sources import SourceShowing
    from notification_cli.session import run

    showing = SourceShowing(name=name, home=operator_namespace, output=Output.of(output))
    return run(showing.run, kubeconfig=kubeconfig, context=context, namespace=namespace, no_color=no_color)


@source.command("url")
@ending
def url(  # noqa: PLR0913 - the options
    name: SourceName,
    *,
    base: Annotated[
        str,
        typer.Option(
            "--url",
            metavar="URL",
            help="URL of the gateway, such as https://notifications.example.com; its URL within the cluster by default.",
            show_default=False,
        ),
    ] = "",
    namespace: Namespace = "",
    operator_namespace: OperatorNamespace = DEFAULT_OPERATOR_NAMESPACE,
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> int:
    """Print the URL of a source, with the secret part of it.

    The secret part is computed from the key in the Secret notification-gateway-path-keys, which you need the right to read.

    Example: `notif source url slack -n notification-system --url https://notifications.example.com`.
    """
    from notification_cli.actions.addressing import Addressing
    from notification_cli.session import run

    addressing = Addressing(name=name, home=operator_namespace, url=base)
    return run(addressing.run, kubeconfig=kubeconfig, context=context, namespace=namespace, no_color=no_color)


@source.command("test")
@ending
def check(  # noqa: PLR0913 - the options
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            autocompletion=complete_sources,
            help="Name of the source; with --spec, the one of several in the file.",
            show_default=False,
        ),
    ] = "",
    *,
    payload: Annotated[
        str,
        typer.Option(
            "--filename",
            "-f",
            metavar="FILE",
            help="File with the body of the message; - is standard input.",
            show_default=False,
        ),
    ],
    spec: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="YAML file with a NotificationSource or its spec, in place of the cluster's.",
            show_default=False,
        ),
    ] = "",
    kind: Annotated[
        str,
        typer.Option(
            "--type",
            metavar="TYPE",
            help="Type of a source without a cluster, such as alertmanager.",
            autocompletion=_types,
            show_default=False,
        ),
    ] = "",
    header: Annotated[
        list[str] | None,
        typer.Option(
            "--header",
            "-H",
            metavar="NAME:VALUE",
            help="Header of the message, such as 'X-GitHub-Event: push'; repeatable.",
            show_default=False,
        ),
    ] = None,
    namespace: Namespace = "",
    operator_namespace: OperatorNamespace = DEFAULT_OPERATOR_NAMESPACE,
    output: OutputOption = "table",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> int:
    """Show the notifications that a message would become, or why the gateway would reject it.

    The gateway's own mapping and templates run on this machine, and nothing is sent or created. With `--spec` or `--type`, no
    cluster is needed; the name of a notification depends on the uid of the source, so it is another one in the cluster.

    Examples: `notif source test alerts -f payload.json`, `notif source test --spec source.yaml -f payload.json`,
    `notif source test --type alertmanager -f payload.json`.
    """
    from notification_cli.actions.translating import SourceTest
    from notification_cli.output.screen import Screen
    from notification_cli.session import run

    testing = SourceTest.of(
        name=name,
        payload=payload,
        spec=spec,
        kind=kind,
        headers=header or (),
        namespace=namespace,
        output=Output.of(output),
        home=operator_namespace,
    )
    if testing.is_local:
        return testing.run_offline(Screen.standard(no_color=no_color))
    return run(testing.run, kubeconfig=kubeconfig, context=context, namespace=namespace, no_color=no_color)
