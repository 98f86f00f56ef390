"""Compatibility of two custom resource definitions: does the new one accept every object of the old one? Pure.

Rules (DD-CRD-001): no version, field or subresource is removed; no type changes; no enum, bound or length becomes
narrower; no optional field becomes required; no validation rule is added. An undecidable change counts as incompatible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

LOWER = ("minimum", "minLength", "minItems", "minProperties")
"""Bounds that may decrease but not increase."""
UPPER = ("maximum", "maxLength", "maxItems", "maxProperties")
"""Bounds that may increase but not decrease."""
MERGING = ("x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type")
"""Keywords that control how lists and maps are merged."""
FIXED = ("type", "pattern", "format", "multipleOf", "x-kubernetes-int-or-string", *MERGING)
"""Keywords that may be removed but neither changed nor added; `type` may not be removed either."""
COMBINED = ("allOf", "anyOf", "oneOf", "not")
PRESERVE = "x-kubernetes-preserve-unknown-fields"
RULES = "x-kubernetes-validations"


def problems(before: Schema, after: Schema) -> list[str]:
    """Return the incompatible changes from `before` to `after`, each with the path of the field."""
    return list(_definition(before.get("spec") or {}, after.get("spec") or {}))


def _definition(before: Schema, after: Schema) -> Iterator[str]:
    for field in ("group", "scope"):
        if before.get(field) != after.get(field):
            yield f"{field} changed from {before.get(field)!r} to {after.get(field)!r}"
    for name in ("kind", "plural"):
        old, new = ((side.get("names") or {}).get(name) for side in (before, after))
        if old != new:
            yield f"names.{name} changed from {old!r} to {new!r}"
    versions = {version["name"]: version for version in after.get("versions") or ()}
    for version in before.get("versions") or ():
        if version.get("served", True):
            yield from _version(version, versions.get(version["name"]))


def _version(before: Schema, after: Schema | None) -> Iterator[str]:
    name = before["name"]
    if after is None or not after.get("served", True):
        yield f"version {name} is no longer served"
        return
    for subresource in before.get("subresources") or {}:
        if subresource not in (after.get("subresources") or {}):
            yield f"{name}: the subresource {subresource} was removed"
    old, new = ((side.get("schema") or {}).get("openAPIV3Schema") or {} for side in (before, after))
    yield from _field(name, old, new)


def _field(path: str, before: Schema, after: Schema) -> Iterator[str]:
    yield from _fixed(path, before, after)
    yield from _bounds(path, before, after)
    yield from _enum(path, before, after)
    yield from _validations(path, before, after)
    yield from _members(path, before, after)


def _fixed(path: str, before: Schema, after: Schema) -> Iterator[str]:
    for keyword in FIXED:
        old, new = before.get(keyword), after.get(keyword)
        removed = new is None and keyword != "type"
        if old != new and not removed:
            yield f"{path}: {keyword} changed from {old!r} to {new!r}"
    if before.get("nullable") and not after.get("nullable"):
        yield f"{path}: null is no longer allowed"


def _bounds(path: str, before: Schema, after: Schema) -> Iterator[str]:
    for keyword in (*LOWER, *UPPER):
        old, new = before.get(keyword), after.get(keyword)
        if new is None or new == old:
            continue
        if old is None:
            yield f"{path}: {keyword} {_shown(new)} was added"
        elif (new > old) if keyword in LOWER else (new < old):
            yield f"{path}: {keyword} changed from {_shown(old)} to {_shown(new)}"
    for keyword in ("exclusiveMinimum", "exclusiveMaximum", "uniqueItems"):
        if after.get(keyword) and not before.get(keyword):
            yield f"{path}: {keyword} was added"


def _shown(bound: float) -> str:
    """Return a bound as a schema writes it; the engine transports every number as a float."""
    return str(int(bound) if bound == int(bound) else bound)


def _enum(path: str, before: Schema, after: Schema) -> Iterator[str]:
    if "enum" not in after:
        return
    if "enum" not in before:
        yield f"{path}: only {after['enum']} are allowed; before, every value was"
        return
    removed = [value for value in before["enum"] if value not in after["enum"]]
    if removed:
        yield f"{path}: {', '.join(map(repr, removed))} no longer allowed"


def _validations(path: str, before: Schema, after: Schema) -> Iterator[str]:
    """Yield added or changed rules and combined schemas: which objects they reject is undecidable here."""
    known = [rule.get("rule") for rule in before.get(RULES) or ()]
    for rule in after.get(RULES) or ():
        if rule.get("rule") not in known:
            yield f"{path}: the rule `{rule.get('rule')}` was added"
    for keyword in COMBINED:
        if keyword in after and after[keyword] != before.get(keyword):
            yield f"{path}: {keyword} was added or changed"


def _members(path: str, before: Schema, after: Schema) -> Iterator[str]:
    for name in after.get("required") or ():
        if name not in (before.get("required") or ()):
            yield f"{path}.{name}: the field became required"
    yield from _properties(path, before, after)
    old, new = before.get("items"), after.get("items")
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _field(f"{path}[]", old, new)
    old, new = before.get("additionalProperties"), after.get("additionalProperties")
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _field(f"{path}.*", old, new)
    elif old and not (new is True or after.get(PRESERVE)):
        yield f"{path}: additional properties are no longer kept"


def _properties(path: str, before: Schema, after: Schema) -> Iterator[str]:
    new = after.get("properties") or {}
    preserved = bool(after.get(PRESERVE) or after.get("additionalProperties"))
    for name, schema in (before.get("properties") or {}).items():
        if name in new:
            yield from _field(f"{path}.{name}", schema, new[name])
        elif not preserved:
            yield f"{path}.{name}: the field was removed, and its stored values would be dropped"
    if before.get(PRESERVE) and not after.get(PRESERVE):
        yield f"{path}: unknown fields are no longer kept"
