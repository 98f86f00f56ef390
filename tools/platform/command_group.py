"""A group of commands that imports each command when it is called, behind the error boundary."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from tools.platform.errors import error_boundary
from tools.platform.usage import unknown_command, usage_errors

if TYPE_CHECKING:
    from collections.abc import Mapping


def lazy_group(modules: Mapping[str, str]) -> type[TyperGroup]:
    """Return a group of commands by name: each is `module:app`, or the `app` or else the function of its name in `module`."""

    class LazyGroup(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002, ANN401 - typer's signature
            return list(modules)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002, ANN401 - typer's signature
            if cmd_name not in modules:
                return None
            name, _, attribute = modules[cmd_name].partition(":")
            module = import_module(name)
            target = getattr(module, attribute or "app", None) or getattr(module, cmd_name.replace("-", "_"))
            if not isinstance(target, typer.Typer):
                function, target = target, typer.Typer(add_completion=False)
                target.command()(function)
            command = get_command(target)
            command.name = cmd_name
            return command

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - typer's signature
            if not (ctx.resilient_parsing or args[0] in modules):
                raise unknown_command(args[0], modules, ctx)
            return super().resolve_command(ctx, args)

        def make_context(self, *args: Any, **more: Any) -> Any:  # noqa: ANN401 - typer's signature
            with error_boundary(), usage_errors():
                return super().make_context(*args, **more)

        def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's signature
            with error_boundary(), usage_errors(ctx):
                return super().invoke(ctx)

    return LazyGroup


def command_app(modules: Mapping[str, str]) -> typer.Typer:
    """Return a command line of such a group: no traceback for the user, and help without a command."""
    return typer.Typer(
        cls=lazy_group(modules),
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )


Stack = Annotated[str, typer.Argument(metavar="STACK", help="Name of the Pulumi stack.")]
PASS_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Context settings of a command that hands arguments on to another program."""
