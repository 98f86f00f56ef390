"""What is wrong with a NotificationSource: by its schema, its rules, and the parsers of conditions and templates. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notification_cli.views.lint import schema
from notification_contract import bounds, crds, names
from notification_contract.routing.document import read_table, render
from notification_contract.routing.matchers import parse_matchers
from notification_contract.routing.reach import source_reach
from notification_contract.routing.table import RoutingTableError
from notification_contract.sources.source import NotificationSource, SourceSpecError
from notification_domain.json_values import mapping, text
from notification_domain.rendering.templating.templates import Template, TemplateInvalidError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from notification_contract.sources.source import SourceSpec


def source(obj: Mapping[str, Any], among: Iterable[object] = ()) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the problems of a source, and notes about it; a routing document is looked for `among` some documents."""
    problems = list(schema.object_problems(obj, crds.notification_source()))
    name = text(mapping(obj.get("metadata")).get("name"))
    if len(name) > bounds.SOURCE_NAME:
        problems.append(f"metadata.name: has more than {bounds.SOURCE_NAME} characters; use a shorter name")
    if problems:
        return tuple(problems), ()
    try:
        spec = NotificationSource.parse(
            {"spec": obj["spec"], "metadata": {"namespace": "", "name": name, "uid": ""}}
        ).spec
    except SourceSpecError as error:
        return tuple(f"spec.{problem}".replace("spec.spec:", "spec:") for problem in error.problems), ()
    notes = ("it accepts no message, because spec.auth is empty",) if spec.auth.is_empty else ()
    return tuple(_problems(spec)), (*notes, *_reach(spec, among))


def _reach(spec: SourceSpec, among: Iterable[object]) -> Iterator[str]:
    """Yield that messages of the source reach only the log, if the files hold a valid routing document."""
    for document in map(mapping, among):
        held = mapping(document.get("data")).get(names.ROUTING_KEY)
        rules = render(document) if "kind" not in document and "route" in document else text(held)
        if not rules:
            continue
        try:
            message = source_reach(spec, read_table(rules)).message
        except RoutingTableError:
            continue
        if message:
            yield message


def _problems(spec: SourceSpec) -> Iterator[str]:
    """Yield what the API server cannot find."""
    for index, condition in enumerate(spec.filter):
        try:
            parse_matchers(condition)
        except ValueError as error:
            yield f"spec.filter[{index}]: {error}"
    for field, template in (
        ("subject", spec.mapping.subject),
        ("body", spec.mapping.body),
        ("dedupKey", spec.mapping.dedup_key),
    ):
        try:
            Template(template)
        except TemplateInvalidError as error:
            yield f"spec.mapping.{field}: {error}"
