"""The routing rules: from a file, or from the operator's ConfigMap if the user may read it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from notification_cli.errors import ApiError, CliError, ExitCode
from notification_cli.views.explaining.explanation import read_rules
from notification_contract import names
from notification_domain.json_values import mapping, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_cli.session import Session
    from notification_domain.routing import RoutingState

STANDARD_INPUT = "-"
UNKNOWN = "not known whether only the operator's log gets the messages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Where the rules are; `text` is the content of the file, which is read before a connection is made."""

    file: str = ""
    namespace: str = ""
    text: str = ""

    @classmethod
    def of(cls, *, file: str, namespace: str) -> Rules:
        """Read the file, if there is one.

        Raises:
            CliError: it cannot be read.
        """
        return cls(file=file, namespace=namespace, text=routing_text(read_file(file)) if file else "")

    async def load(self, session: Session) -> tuple[RoutingState | None, str]:
        """Return the rules and where they come from; None with the reason if they cannot be read."""
        if self.file:
            return read_rules(self.text), self.file
        (name, key), unknown = await self._place(session)
        where = f"ConfigMap {name} in namespace {self.namespace}"
        try:
            config_map = await session.notifications.config_map(self.namespace, name)
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                return None, str(error)
            if unknown:
                return (
                    None,
                    f"there is no {where}, and the operator's settings may name another one: {unknown}",
                )
            return read_rules(None), f"{where}, which does not exist"
        document = (config_map.get("data") or {}).get(key)
        # As the operator: a ConfigMap without the key is an invalid document.
        return read_rules("" if document is None else document), where

    async def rules_in_force(self, session: Session) -> tuple[RoutingState | None, str]:
        """Return the rules; None with a sentence for people if it is not known which ones the operator uses."""
        rules, where = await self.load(session)
        if rules is None:
            return None, f"{UNKNOWN}: the routing rules cannot be read: {where}"
        if rules.problems:
            return None, f"{UNKNOWN}: {where} is not valid: {rules.problems[0]}"
        return rules, ""

    async def _place(self, session: Session) -> tuple[tuple[str, str], str]:
        """Return name and key of the ConfigMap by the operator's settings, and why these cannot be read."""
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{names.OPERATOR}"
        try:
            return place_of(await session.connection.get(path)), ""
        except ApiError as error:
            absent = error.status == HTTPStatus.NOT_FOUND
            return place_of({}), "" if absent else str(error)


def place_of(deployment: Mapping[str, Any]) -> tuple[str, str]:
    """Return name and key of the ConfigMap that an operator reads, by the settings in its pod template."""
    template = mapping(mapping(deployment.get("spec")).get("template"))
    annotations = mapping(mapping(template.get("metadata")).get("annotations"))
    try:
        settings = yaml.safe_load(text(annotations.get(names.CONFIG_ANNOTATION)))
    except (yaml.YAMLError, ValueError, RecursionError):
        settings = None
    routing = mapping(mapping(settings).get("routing"))
    return (
        text(routing.get("config_map")) or names.ROUTING_CONFIG_MAP,
        text(routing.get("key")) or names.ROUTING_KEY,
    )


def read_file(path: str) -> str:
    """Return the text of a file, or of standard input for a hyphen.

    Raises:
        CliError: it cannot be read.
    """
    content = read_bytes(path)
    try:
        return content.decode("utf-8", errors="replace" if path == STANDARD_INPUT else "strict")
    except UnicodeDecodeError:
        text = f"{path} cannot be read: it is not UTF-8 text; name a text file"
        raise CliError(text, code=ExitCode.USAGE) from None


def read_bytes(path: str) -> bytes:
    """Return the content of a file, or of standard input for a hyphen.

    Raises:
        CliError: it cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if path == STANDARD_INPUT else Path(path).read_bytes()
    except OSError as error:
        text = f"{path} cannot be read: {error.strerror}; name a file, or - for standard input"
        raise CliError(text, code=ExitCode.USAGE) from None


def routing_text(text: str) -> str:
    """Return the routing document of a file, which may be the ConfigMap that holds it."""
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return text
    if isinstance(document, dict) and document.get("kind") == "ConfigMap":
        return str((document.get("data") or {}).get(names.ROUTING_KEY, ""))
    return text
