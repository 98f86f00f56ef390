"""The options that commands share, and the enumerations that completion offers."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Final

import typer

LABEL: Final = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
NAME: Final = rf"{LABEL}(\.{LABEL})*"
KEY: Final = r"([-.a-zA-Z0-9]+/)?[a-zA-Z0-9]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?"
VALUE: Final = r"([a-zA-Z0-9]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?)?"
REQUIREMENT: Final = re.compile(
    rf"\s*(!?\s*{KEY}|{KEY}\s*(=|==|!=)\s*{VALUE}|{KEY}\s*[<>]\s*\d+"
    rf"|{KEY}\s+(in|notin)\s*\(\s*{VALUE}\s*(,\s*{VALUE}\s*)*\))\s*"
)


def _named(value: str) -> str:
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
    str, typer.Option(help="Context of the kubeconfig. Defaults to the current one.", show_default=False)
]
Kubeconfig = Annotated[
    str,
    typer.Option(
        help="Path of the kubeconfig. Defaults to KUBECONFIG or ~/.kube/config.", show_default=False
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it is delivered or has failed.")]
Timeout = Annotated[str, typer.Option(help="Time limit of --wait.")]
NoColor = Annotated[bool, typer.Option("--no-color", help="Write no colors; NO_COLOR does the same.")]
SourceName = Annotated[
    str,
    typer.Argument(metavar="NAME", callback=_named, help="Name of the source.", show_default=False),
]
Name = Annotated[
    str,
    typer.Argument(metavar="NAME", callback=_named, help="Name of the notification.", show_default=False),
]
OperatorNamespace = Annotated[
    str,
    typer.Option(
        "--operator-namespace",
        "--rules-namespace",
        envvar=["NOTIF_OPERATOR_NAMESPACE", "NOTIF_RULES_NAMESPACE"],
        callback=_namespace,
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


class Output(StrEnum):
    """The values of `-o`."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Format of the output.")]


class FinalPhaseChoice(StrEnum):
    """The phases of what can be sent again."""

    FAILED = "Failed"
    PARTIALLY_SENT = "PartiallySent"
    SUPPRESSED = "Suppressed"
