"""Arguments that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Stack = Annotated[str, typer.Argument(metavar="STACK", help="Name of the Pulumi stack.")]
PASS_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Context settings of a command that hands arguments on to another program."""
