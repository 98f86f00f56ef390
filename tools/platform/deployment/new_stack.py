"""The file of a new stack: its name, its values, and the commands that come next."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

from platform_infra.image.placeholder import missing_image
from platform_infra.names import PROJECT
from platform_infra.settings.reader import SettingsError, parse
from tools.platform.errors import PlatformError, UsageError
from tools.platform.preview.model import NAME as OF_A_PREVIEW
from tools.platform.pulumi.environment import ROOT
from tools.platform.pulumi.stack_file import file_of, has_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from platform_infra.settings.model import Settings

STACKS = ROOT / "stacks"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
HEADER = "# yaml-language-server: $schema=schema.json\n"


def check_new(stack: str) -> None:
    """Check that a new stack can have this name.

    Raises:
        UsageError: it cannot, or its file exists.
    """
    if not NAME.fullmatch(stack):
        raise UsageError(
            f"{stack!r} is no name of a stack", hint="use up to 100 letters, digits, `.`, `_` and `-`"
        )
    if OF_A_PREVIEW.match(stack):
        raise UsageError(f"{stack} is the name of a preview", hint="`preview up` creates it")
    if has_file(stack, STACKS):
        raise UsageError(f"stacks/Pulumi.{stack}.yaml exists already", hint="edit it, or choose another name")


def write(stack: str, values: Mapping[str, str | bool]) -> list[str]:
    """Write the file of a stack, and return the steps that come next.

    Raises:
        PlatformError: the values do not fit together; nothing has been written.
    """
    try:
        settings = parse(values)
    except SettingsError as error:
        raise PlatformError(
            f"{stack}: {error}", hint="nothing has been written; correct the options"
        ) from None
    config = {f"{PROJECT}:{key}": value for key, value in values.items()}
    text = yaml.safe_dump({"config": config}, sort_keys=False)
    file_of(stack, STACKS).write_text(HEADER + text, "utf-8")
    return list(_next_steps(stack, settings))


def _next_steps(stack: str, settings: Settings) -> Iterator[str]:
    if missing_image(stack, settings):
        yield f"add `{PROJECT}:operatorImage: REGISTRY/NAME@sha256:DIGEST` to the file"
    if settings.cluster.kind.is_named:
        yield f"tools/notif-platform preflight {stack}"
    yield f"tools/notif-platform up {stack}"
