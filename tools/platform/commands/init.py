"""Write the file of a new stack, from options or from answers to a few questions."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from platform_infra.image.placeholder import missing_image
from platform_infra.names import PROJECT
from platform_infra.settings.cluster_kind import ClusterKind
from platform_infra.settings.reader import SettingsError, parse
from tools.platform.console import out
from tools.platform.errors import PlatformError
from tools.platform.preview.model import NAME as OF_A_PREVIEW
from tools.platform.pulumi.environment import ROOT
from tools.platform.pulumi.stack_file import has_file

if TYPE_CHECKING:
    from platform_infra.settings.model import Settings

STACKS = ROOT / "stacks"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
HEADER = "# yaml-language-server: $schema=schema.json\n"


def init(
    stack: Annotated[str, typer.Argument(metavar="STACK", help="Name of the new stack.")],
    *,
    cluster: Annotated[ClusterKind | None, typer.Option(help="Source of the cluster (clusterKind).")] = None,
    kubeconfig: Annotated[
        str, typer.Option(metavar="FILE", help="For `existing`: path of the kubeconfig.")
    ] = "",
    context: Annotated[str, typer.Option(metavar="NAME", help="For `existing`: context in it.")] = "",
    owner: Annotated[
        str,
        typer.Option(
            metavar="STACK",
            help="For `stack`: the stack that owns the cluster, as organization/project/stack.",
        ),
    ] = "",
) -> None:
    """Write the file of a new stack: stacks/Pulumi.STACK.yaml.

    At a terminal, the command asks for what no option says. It changes nothing else: `up` creates the stack.

    Examples: `init qa --cluster kind`, `init qa --cluster existing --kubeconfig ~/.kube/config --context qa`.
    """
    check_new(stack)
    kind = cluster or ClusterKind(
        _answer("--cluster", f"Cluster ({', '.join(ClusterKind)})", ClusterKind.LOCAL)
    )
    values: dict[str, Any] = {"clusterKind": kind.value}
    if kind == ClusterKind.EXISTING:
        kubeconfig = kubeconfig or _answer("--kubeconfig", "Path of its kubeconfig", "~/.kube/config")
        context = context or _answer("--context", "Context in that kubeconfig")
    if kind == ClusterKind.STACK:
        owner = owner or _answer("--owner", "Stack that owns it, as organization/project/stack")
    given = {"clusterKubeconfig": kubeconfig, "clusterContext": context, "clusterStack": owner}
    values |= {key: value for key, value in given.items() if value}
    if not kind.is_local:
        # `down` then keeps the notifications of all users of the cluster.
        values["crdRetain"] = True
    settings = _checked(stack, values)
    config = {f"{PROJECT}:{key}": value for key, value in values.items()}
    file = STACKS / f"Pulumi.{stack}.yaml"
    file.write_text(HEADER + yaml.safe_dump({"config": config}, sort_keys=False), "utf-8")
    _report(stack, settings)


def check_new(stack: str) -> None:
    """Check that a stack can have this name.

    Raises:
        BadParameter: it cannot, or its file exists.
    """
    if not NAME.fullmatch(stack):
        raise typer.BadParameter(
            f"{stack!r} is no name of a stack; use up to 100 letters, digits, `.`, `_` and `-`"
        )
    if OF_A_PREVIEW.match(stack):
        raise typer.BadParameter(f"{stack} is the name of a preview; `preview up` creates it")
    if has_file(stack, STACKS):
        raise typer.BadParameter(
            f"stacks/Pulumi.{stack}.yaml exists already; edit it, or choose another name"
        )


def _answer(option: str, question: str, default: str | None = None) -> str:
    """Return the answer to a question.

    Raises:
        BadParameter: there is no terminal to ask at.
    """
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{option} is missing, and there is no terminal to ask at; add {option}")
    return str(typer.prompt(question, default=default))


def _checked(stack: str, values: dict[str, Any]) -> Settings:
    try:
        return parse(values)
    except SettingsError as error:
        raise PlatformError(
            f"{stack}: {error}", hint="nothing has been written; correct the options"
        ) from None


def _report(stack: str, settings: Settings) -> None:
    out.print(f"stacks/Pulumi.{stack}.yaml is written; stacks/README.md lists every setting. The next steps:")
    if missing_image(stack, settings):
        out.print(f"  tools/notif-platform promote REGISTRY/NAME@sha256:DIGEST --stack {stack}")
    if settings.cluster.kind.is_named:
        out.print(f"  tools/notif-platform preflight {stack}")
    out.print(f"  tools/notif-platform up {stack}")
