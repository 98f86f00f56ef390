"""The help of a command: without backticks, which are for the page, and without types of Python."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand


class Verb(TyperCommand):
    """A command whose help names the choices of a value, or the value itself."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - the signature of typer
        parameters = super().get_params(ctx)
        for each in parameters:
            _name_value(each, ctx)
        return parameters

    def get_help(self, ctx: Any) -> str:  # noqa: ANN401 - the signature of typer
        separated = re.sub(r"`,(?=\s+`)", ";", super().get_help(ctx))
        return separated.replace("`", "")


def _name_value(parameter: Any, ctx: Any) -> None:  # noqa: ANN401 - typer does not export the classes
    if parameter.param_type_name == "argument":
        parameter.display_type_rich = lambda ctx: ""  # noqa: ARG005 - the signature of typer
    elif parameter.metavar is None and not parameter.is_flag:
        if parameter.type_descriptor.is_choice:
            choices = parameter.display_type(ctx).strip("<>")
            parameter.metavar = choices.removeprefix("list[").removesuffix("]")
        else:
            name = next(each for each in parameter.opts if each.startswith("--"))
            parameter.metavar = name.removeprefix("--").replace("-", "_").upper()
