"""The options that commands share, and the enumerations that completion offers."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from notification_cli.views.format import Form, Output

if TYPE_CHECKING:
    from collections.abc import Callable

LABEL: Final = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
NAME: Final = rf"{LABEL}(\.{LABEL})*"
KEY: Final = r"([-.a-zA-Z0-9]+/)?[a-zA-Z0-9]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?"
VALUE: Final = r"([a-zA-Z0-9]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?)?"
REQUIREMENT: Final = re.compile(
    rf"\s*(!?\s*{KEY}|{KEY}\s*(=|==|!=)\s*{VALUE}|{KEY}\s*[<>]\s*\d+"
    rf"|{KEY}\s+(in|notin)\s*\(\s*{VALUE}\s*(,\s*{VALUE}\s*)*\))\s*"
)


def _completing(kind: str) -> Callable[[typer.Context, str], list[str]]:
    """Return the completion of names in the cluster; it is silent where the cluster is."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        # Help and other completions need neither the client nor a cluster.
        from notification_cli.actions.candidates import candidates  # noqa: PLC0415

        return candidates(kind, ctx.params, incomplete)

    return complete


def named(value: str) -> str:
    """Check the name of an object before a connection is made."""
    if value and not re.fullmatch(NAME, value):
        raise typer.BadParameter(
            f"{value!r} is no name of an object; use lower-case letters, digits, - and . (kubectl get notif shows names)"
        )
    return value


def _namespace(value: str) -> str:
    if value and not re.fullmatch(LABEL, value):
        raise typer.BadParameter(f"{value!r} is no namespace; use lower-case letters, digits and -")
    return value


def _namespaces(value: str) -> str:
    """Check the names of namespaces, separated by commas."""
    for each in value.split(",") if value else ():
        _namespace(each or ",")
    return value


def _selector(value: str) -> str:
    for part in re.split(r",(?![^(]*\))", value) if value else ():
        if not REQUIREMENT.fullmatch(part):
            raise typer.BadParameter(
                f"{part!r} is no requirement; write key=value, key!=value, 'key in (a,b)', 'key notin (a,b)', key or '!key'"
            )
    return value


Namespace = Annotated[
    str,
    typer.Option(
        "--namespace",
        "-n",
        callback=_namespace,
        autocompletion=_completing("namespaces"),
        help="Namespace. Defaults to that of the context.",
        show_default=False,
    ),
]
AllNamespaces = Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces.")]
Namespaces = Annotated[
    str,
    typer.Option(
        "--namespace",
        "-n",
        callback=_namespaces,
        autocompletion=_completing("namespaces"),
        help="Namespace, or several separated by commas. Defaults to that of the context.",
        show_default=False,
    ),
]
Selector = Annotated[
    str,
    typer.Option(
        "--selector", "-l", callback=_selector, help="Label selector, as in kubectl.", show_default=False
    ),
]
Context = Annotated[
    str,
    typer.Option(
        autocompletion=_completing("contexts"),
        help="Context of the kubeconfig. Defaults to the current one.",
        show_default=False,
    ),
]
complete_receivers = _completing("notificationreceivers")
"""Completes the names of receivers."""
ReceiverName = Annotated[
    str,
    typer.Argument(
        metavar="RECEIVER",
        autocompletion=complete_receivers,
        help="Receiver, as NAME or NAMESPACE/NAME.",
        show_default=False,
    ),
]
Kubeconfig = Annotated[
    str,
    typer.Option(
        help="Path of the kubeconfig. Defaults to KUBECONFIG or ~/.kube/config.", show_default=False
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it is delivered or has failed.")]
Timeout = Annotated[str, typer.Option(help="Time limit of --wait.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. Required without a terminal.")]
NoColor = Annotated[bool, typer.Option("--no-color", help="Write no colors; NO_COLOR does the same.")]
complete_sources = _completing("notificationsources")
"""Completes the names of sources."""
SourceName = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        callback=named,
        autocompletion=complete_sources,
        help="Name of the source.",
        show_default=False,
    ),
]
Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        callback=named,
        autocompletion=_completing("notificationrequests"),
        help="Name of the notification.",
        show_default=False,
    ),
]
OperatorNamespace = Annotated[
    str,
    typer.Option(
        "--operator-namespace",
        "--rules-namespace",
        envvar=["NOTIF_OPERATOR_NAMESPACE", "NOTIF_RULES_NAMESPACE"],
        callback=_namespace,
        autocompletion=_completing("namespaces"),
        help="Namespace of the operator: of the routing rules, and of receivers for everybody.",
    ),
]
RulesFile = Annotated[
    str,
    typer.Option(
        "--rules", help="File with the routing rules, in place of the ConfigMap.", show_default=False
    ),
]
DEFAULT_OPERATOR_NAMESPACE = "notification-system"


def _output(value: str) -> str:
    try:
        Output.of(value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return value


def _formats(incomplete: str) -> list[str]:
    return [each for each in Form if each.startswith(incomplete)]


def _sort_by(value: str) -> str:
    try:
        Output.of(Form.TABLE, sort_by=value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return value


OutputOption = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        metavar="FORMAT",
        callback=_output,
        autocompletion=_formats,
        help="Format of the output: table, wide, json, yaml or name, as in kubectl.",
    ),
]
NoHeaders = Annotated[bool, typer.Option("--no-headers", help="Write tables without titles.")]
SortBy = Annotated[
    str,
    typer.Option(
        "--sort-by",
        metavar="PATH",
        callback=_sort_by,
        help="Sort by a field, such as .metadata.creationTimestamp. All objects are read before the first line.",
        show_default=False,
    ),
]


class DryRun(StrEnum):
    """The values of `--dry-run`."""

    NONE = "none"
    CLIENT = "client"
    SERVER = "server"


class FinalPhaseChoice(StrEnum):
    """The phases of what can be sent again."""

    FAILED = "Failed"
    PARTIALLY_SENT = "PartiallySent"
    SUPPRESSED = "Suppressed"
