"""A group of commands that imports each command when it is called, behind the error boundary."""

from __future__ import annotations

import ast
import contextlib
import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from notification_cli.usage import in_our_words, is_help
from notification_runtime.command_help import Verb
from tools.platform.errors import ExitCode, UsageError, error_boundary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STACKS = Path(__file__).resolve().parents[2] / "stacks"


@contextlib.contextmanager
def usage_errors() -> Iterator[None]:
    """Translate the library's errors of usage.

    Raises:
        UsageError: the command line cannot be used.
    """
    try:
        yield
    except typer.TyperException as error:
        if is_help(error):
            typer.echo(error.format_message(), err=True)
            raise typer.Exit(ExitCode.USAGE) from None
        found = in_our_words(error)
        raise UsageError(found.problem, hint=found.hint) from None


class LazyGroup(TyperGroup):
    """Commands by name: each is `module:app`, or the `app` or else the function of its name in `module`."""

    modules: ClassVar[Mapping[str, str]] = {}

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002, ANN401 - typer's signature
        return list(self.modules)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002, ANN401 - typer's signature
        """Return what a list of commands needs; `resolve_command` returns the command itself."""
        if cmd_name not in self.modules:
            return None
        text = _documentation(self.modules[cmd_name], cmd_name)
        return TyperCommand(cmd_name, help=text) if text else _loaded(self.modules[cmd_name], cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - typer's signature
        name = args[0]
        if name in self.modules:
            return name, _loaded(self.modules[name], name), args[1:]
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **more: Any) -> Any:  # noqa: ANN401 - typer's signature
        with error_boundary(), usage_errors():
            return super().make_context(*args, **more)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's signature
        with error_boundary(), usage_errors():
            return super().invoke(ctx)

    def _main_shell_completion(self, *args: Any, **more: Any) -> None:  # noqa: ANN401 - typer's signature
        if any(name.endswith("_COMPLETE") for name in os.environ):
            from typer._completion_classes import completion_init  # noqa: PLC0415 - only shells need it

            completion_init()
            super()._main_shell_completion(*args, **more)


def lazy_group(modules: Mapping[str, str]) -> type[LazyGroup]:
    return type("LazyGroupOf", (LazyGroup,), {"modules": modules})


def _loaded(place: str, name: str) -> Any:  # noqa: ANN401 - typer declares no public type
    module_name, _, attribute = place.partition(":")
    module = import_module(module_name)
    target = getattr(module, attribute or "app", None) or getattr(module, name.replace("-", "_"))
    if not isinstance(target, typer.Typer):
        function, target = target, typer.Typer(add_completion=False, rich_markup_mode=None)
        target.command()(function)
    for each in target.registered_commands:
        each.cls = Verb
    command = get_command(target)
    command.name = name
    return command


def _documentation(place: str, name: str) -> str | None:
    """Return the docstring of a command's function without the import of its module, which takes up to a second."""
    module, _, attribute = place.partition(":")
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return None
    wanted = attribute or name.replace("-", "_")
    for node in ast.parse(Path(spec.origin).read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == wanted:
            return ast.get_docstring(node)
    return None


def command_app(modules: Mapping[str, str]) -> typer.Typer:
    """Return a command line of such a group: no traceback for the user, and help without a command."""
    return typer.Typer(
        cls=lazy_group(modules),
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def stack_names(incomplete: str) -> list[str]:
    """Return the names of the stacks in stacks/ that begin so, for the completion of a shell."""
    names = (file.name[len("Pulumi.") : -len(".yaml")] for file in STACKS.glob("Pulumi.*.yaml"))
    return sorted(name for name in names if name.startswith(incomplete))


Stack = Annotated[
    str, typer.Argument(metavar="STACK", help="Name of the Pulumi stack.", autocompletion=stack_names)
]
Stacks = Annotated[
    list[str] | None,
    typer.Argument(metavar="STACK", help="Stacks; dev by default.", autocompletion=stack_names),
]
PASS_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Context settings of a command that hands arguments on to another program."""
