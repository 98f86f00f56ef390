"""A stack for each pull request, in the cluster of a base stack: `python -m tools.preview up|list|down|reap`.

A preview has a namespace of its own and an operator that serves only that; the CRD is the base's. Whose it is and until
when stands in the stack's outputs, which every backend keeps; what does not say so there is never touched.
"""

from __future__ import annotations

import getpass
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
import yaml
from pulumi.automation import CommandError
from rich.console import Console
from rich.table import Table

from platform_infra import image_build
from platform_infra.cluster.local.errors import LocalNodeError
from platform_infra.cluster.local.images import load_image
from tools.engine import ENGINE_GROUPS, ROOT
from tools.kubeconfig import drop_kubeconfig, write_kubeconfig
from tools.preview_cluster import Namespace
from tools.previews import Preview, Source, due, recognised, remaining, stack_name, values
from tools.publish import publish
from tools.stack import destroy, exists, known_stacks, open_stack, outputs, remove
from tools.stack import up as bring_up
from tools.stack_file import StackFileError
from tools.toolchain import ToolchainError, ensure

PROBLEMS = (
    CommandError,
    image_build.ImageError,
    LocalNodeError,
    StackFileError,
    ToolchainError,
    ValueError,
)
TEMPLATE = ROOT / "stacks" / "preview.template.yaml"
SMOKE_SECONDS = 30

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False)

Number = Annotated[int, typer.Argument(help="The pull request's number.")]


@app.command()
def up(  # noqa: PLR0913 - one argument an option
    number: Number,
    *,
    base: Annotated[str, typer.Option(help="The stack that owns the cluster.")] = "dev",
    image: Annotated[
        str, typer.Option(help="An image that the cluster can pull; without, one is built here.")
    ] = "",
    registry: Annotated[
        str, typer.Option(help="Build here and push to this repository, for a cluster elsewhere.")
    ] = "",
    owner: Annotated[str, typer.Option(help="Whose preview it is; you, by default.")] = "",
    hours: Annotated[int, typer.Option(min=1, max=24 * 30, help="For how long it may stay.")] = 72,
) -> None:
    """Bring a preview up, or up to date; a push renews its expiry."""
    name = stack_name(number)
    given = _base_outputs(base)
    source = Source(
        number=number,
        owner=owner or getpass.getuser(),
        commit=_commit(),
        image=image or _image(base, given, registry),
        base=base,
    )
    expires = datetime.now(UTC) + timedelta(hours=hours)
    template = yaml.safe_load(TEMPLATE.read_text("utf-8"))
    stack = open_stack(
        name, config=values(template, source, expires=expires), toolchain=ensure(ENGINE_GROUPS)
    )
    made, _ = bring_up(stack)
    file = write_kubeconfig(name, made["kubeconfig"])
    phase, seconds = _namespace(name, made).send(within=SMOKE_SECONDS)
    console.print(
        f"\n{name}: a notification is {phase} after {seconds:.1f} s; it may stay until {expires:%F %H:%M} UTC."
    )
    console.print(f"  export KUBECONFIG={file}\n  kubectl --namespace {name} apply -f examples/simple.yaml")
    if phase != "Sent":
        raise typer.Exit(1)


@app.command("list")
def list_() -> None:
    """List the previews with owner, commit, what time they have left, and whether they are well."""
    table = Table("preview", "owner", "commit", "time", "health", box=None)
    now = datetime.now(UTC)
    for preview, given in _previews():
        health = _namespace(preview.stack, given).health()
        table.add_row(preview.stack, preview.owner, preview.commit[:12], remaining(preview, now), health)
    console.print(table if table.row_count else "there are no previews.")


@app.command()
def down(number: Number) -> None:
    """Take a preview down; one that is not there is down already."""
    name = stack_name(number)
    if not exists(name):
        console.print(f"{name} is not up.")
        return
    given = outputs(open_stack(name))
    # An `up` that was interrupted has left no outputs.
    if given and not recognised(name, given):
        raise ValueError(
            f"{name} does not say that it is a preview, so it is left alone; destroy it with Pulumi"
        )
    _take_down(name)
    console.print(f"{name} is down; nothing of it is left.")


@app.command()
def reap(
    *,
    yes: Annotated[
        bool, typer.Option("--yes/--dry-run", help="Take them down; without, they are only listed.")
    ] = False,
    closed: Annotated[
        list[int] | None, typer.Option(help="A pull request that is closed; may be repeated.")
    ] = None,
) -> None:
    """List the previews that are past their time or whose pull request is closed, and with --yes take them down."""
    chosen = due((preview for preview, _ in _previews()), now=datetime.now(UTC), closed=closed or ())
    for preview, reason in chosen:
        console.print(f"{preview.stack} ({preview.owner}): {reason}{'' if yes else '; would go'}")
        if yes:
            _take_down(preview.stack)
    if not chosen:
        console.print("there is nothing to take down.")


def _base_outputs(base: str) -> dict[str, Any]:
    if not exists(base):
        raise ValueError(
            f"the stack {base}, whose cluster the preview would use, is not up; run `make up STACK={base}`"
        )
    return outputs(open_stack(base))


def _image(base: str, given: dict[str, Any], registry: str) -> str:
    """Build this checkout's image, and put it where the base's cluster finds it."""
    if registry:
        return publish(registry)
    node = given.get("node")
    if not node:
        raise ValueError(
            f"{base} has no node on this machine to load an image into; give --registry or --image"
        )
    image = image_build.image_name("")
    image_build.build(image=image, base="")
    load_image(node, image)
    return image


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _previews() -> list[tuple[Preview, dict[str, Any]]]:
    """Return every preview that is ours, with its stack's outputs."""
    toolchain = ensure(ENGINE_GROUPS)
    found = []
    for name in sorted(known for known in known_stacks(toolchain) if known.startswith("pr-")):
        given = outputs(open_stack(name, toolchain=toolchain))
        if preview := recognised(name, given):
            found.append((preview, given))
    return found


def _namespace(name: str, given: dict[str, Any]) -> Namespace:
    return Namespace(name, kubeconfig=given["kubeconfig"], context=given["context"])


def _take_down(name: str) -> None:
    stack = open_stack(name)
    destroy(stack)
    remove(stack)
    drop_kubeconfig(name)


def main() -> int:
    """Run the command; what can go wrong is told in a line."""
    try:
        app()
    except PROBLEMS as error:
        console.print(f"error: {error}", markup=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
