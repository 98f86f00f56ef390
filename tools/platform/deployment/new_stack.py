"""The file of a new stack: its name, its values, and the commands that come next."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from platform_infra.image.placeholder import missing_image
from platform_infra.names import PROJECT
from platform_infra.settings.reader import SettingsError, parse
from tools.platform.deployment.first_receiver import FirstReceiver, credential_path, receiver_settings
from tools.platform.errors import PlatformError, UsageError
from tools.platform.preview.model import NAME as OF_A_PREVIEW
from tools.platform.pulumi.environment import ROOT
from tools.platform.pulumi.stack_file import file_of, has_file
from tools.platform.pulumi.state.protection import STATE_PAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from platform_infra.settings.model import Settings

STACKS = ROOT / "stacks"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
PULUMI = "tools/notif-platform pulumi"
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


def write(stack: str, values: Mapping[str, Any], receiver: FirstReceiver) -> list[str]:
    """Write the file of a stack with its first receiver, and return the steps that come next.

    Raises:
        PlatformError: the values do not fit together; nothing has been written.
    """
    complete = {**values, **receiver_settings(receiver, credential="set by the next steps")}
    try:
        settings = parse(complete, secret_keys={"receivers"})
    except SettingsError as error:
        raise PlatformError(
            f"{stack}: {error}", hint="nothing has been written; correct the options"
        ) from None
    written = {**values, **receiver_settings(receiver)}
    config = {f"{PROJECT}:{key}": value for key, value in written.items()}
    text = yaml.safe_dump({"config": config}, sort_keys=False)
    file_of(stack, STACKS).write_text(HEADER + text, "utf-8")
    return list(_next_steps(stack, settings, receiver))


def _next_steps(stack: str, settings: Settings, receiver: FirstReceiver) -> Iterator[str]:
    if missing_image(stack, settings):
        yield f"add `{PROJECT}:operatorImage: REGISTRY/NAME@sha256:DIGEST` to the file"
    if not settings.cluster.kind.is_local:
        yield f"{PULUMI} login BACKEND    # {STATE_PAGE} lists the URLs"
        yield f"{PULUMI} stack init {stack} --secrets-provider KEY    # {STATE_PAGE} lists the URLs"
    if not settings.cluster.kind.is_local or receiver != FirstReceiver.NONE:
        yield _receiver_step(stack, receiver)
    if settings.cluster.kind.is_named:
        yield f"tools/notif-platform preflight {stack}"
    yield f"tools/notif-platform up {stack}"


def _receiver_step(stack: str, receiver: FirstReceiver) -> str:
    if receiver == FirstReceiver.NONE:
        return (
            "add a receiver to the file, which `up --policy` requires: docs/stack-receivers.md has an example"
        )
    return f"{PULUMI} config set --secret --path '{credential_path(receiver)}' --stack {stack}    # asks for the value"
