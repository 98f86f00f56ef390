"""Whether a custom resource definition takes everything that the one before it took. Pure.

Rules (DD-CRD-001): no version, field or subresource goes away; no type changes; no enum, bound or length gets
narrower; nothing that was optional is required; no new rule judges what exists. What is unsure counts as incompatible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

LOWER = ("minimum", "minLength", "minItems", "minProperties")
"""Bounds that may go down and never up."""
UPPER = ("maximum", "maxLength", "maxItems", "maxProperties")
"""Bounds that may go up and never down."""
LISTED = ("x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type")
"""How lists and maps are merged; part of what is fixed."""
FIXED = ("type", "pattern", "format", "multipleOf", "x-kubernetes-int-or-string", *LISTED)
"""What may be left out later, and never be another one or come anew; a type may not be left out either."""
COMBINED = ("allOf", "anyOf", "oneOf", "not")
PRESERVE = "x-kubernetes-preserve-unknown-fields"
RULES = "x-kubernetes-validations"


def problems(before: Schema, after: Schema) -> list[str]:
    """Return what the definition `after` takes less than `before`, one reason each, by the path of the field."""
    return list(_definition(before.get("spec") or {}, after.get("spec") or {}))


def _definition(before: Schema, after: Schema) -> Iterator[str]:
    for field in ("group", "scope"):
        if before.get(field) != after.get(field):
            yield f"{field} is {after.get(field)!r} and was {before.get(field)!r}"
    for name in ("kind", "plural"):
        old, new = ((side.get("names") or {}).get(name) for side in (before, after))
        if old != new:
            yield f"names.{name} is {new!r} and was {old!r}"
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
            yield f"{name}: the subresource {subresource} is gone"
    old, new = ((side.get("schema") or {}).get("openAPIV3Schema") or {} for side in (before, after))
    yield from _field(name, old, new)


def _field(path: str, before: Schema, after: Schema) -> Iterator[str]:
    yield from _kind(path, before, after)
    yield from _bounds(path, before, after)
    yield from _enum(path, before, after)
    yield from _judged(path, before, after)
    yield from _members(path, before, after)


def _kind(path: str, before: Schema, after: Schema) -> Iterator[str]:
    for word in FIXED:
        old, new = before.get(word), after.get(word)
        left_out = new is None and word != "type"
        if old != new and not left_out:
            yield f"{path}: {word} is {new!r} and was {old!r}"
    if before.get("nullable") and not after.get("nullable"):
        yield f"{path}: null is no longer taken"


def _bounds(path: str, before: Schema, after: Schema) -> Iterator[str]:
    for word in (*LOWER, *UPPER):
        old, new = before.get(word), after.get(word)
        if new is None or new == old:
            continue
        if old is None:
            yield f"{path}: {word} is {new:g} and was without a bound"
        elif (new > old) if word in LOWER else (new < old):
            yield f"{path}: {word} is {new:g} and was {old:g}"
    for word in ("exclusiveMinimum", "exclusiveMaximum", "uniqueItems"):
        if after.get(word) and not before.get(word):
            yield f"{path}: {word} is new"


def _enum(path: str, before: Schema, after: Schema) -> Iterator[str]:
    if "enum" not in after:
        return
    if "enum" not in before:
        yield f"{path}: only {after['enum']} are taken, and any value was"
        return
    gone = [value for value in before["enum"] if value not in after["enum"]]
    if gone:
        yield f"{path}: {', '.join(map(repr, gone))} no longer taken"


def _judged(path: str, before: Schema, after: Schema) -> Iterator[str]:
    """Tell rules and combined schemas that are new or other ones: what they refuse cannot be known here."""
    known = [rule.get("rule") for rule in before.get(RULES) or ()]
    for rule in after.get(RULES) or ():
        if rule.get("rule") not in known:
            yield f"{path}: the rule `{rule.get('rule')}` is new"
    for word in COMBINED:
        if word in after and after[word] != before.get(word):
            yield f"{path}: {word} is new or another one"


def _members(path: str, before: Schema, after: Schema) -> Iterator[str]:
    for name in after.get("required") or ():
        if name not in (before.get("required") or ()):
            yield f"{path}.{name}: is required and was not"
    yield from _properties(path, before, after)
    old, new = before.get("items"), after.get("items")
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _field(f"{path}[]", old, new)
    old, new = before.get("additionalProperties"), after.get("additionalProperties")
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _field(f"{path}.*", old, new)
    elif old and not (new is True or after.get(PRESERVE)):
        yield f"{path}: names of one's own choice are no longer kept"


def _properties(path: str, before: Schema, after: Schema) -> Iterator[str]:
    new = after.get("properties") or {}
    kept = bool(after.get(PRESERVE) or after.get("additionalProperties"))
    for name, schema in (before.get("properties") or {}).items():
        if name in new:
            yield from _field(f"{path}.{name}", schema, new[name])
        elif not kept:
            yield f"{path}.{name}: the field is gone, and what is stored in it would be dropped"
    if before.get(PRESERVE) and not after.get(PRESERVE):
        yield f"{path}: fields that the schema does not know are no longer kept"
