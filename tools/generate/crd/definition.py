"""A CustomResourceDefinition, from the declaration of its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from notification_contract import names
from tools.generate.crd.schema import object_schema

if TYPE_CHECKING:
    from notification_contract.kinds.definitions import Column, Kind

WIDTH: Final = 110
HEAD: Final = (
    "# Generated from the models in notification_contract/kinds by `make generate` (DD-KINDS-001).\n"
    "# `kubectl explain {singular} --recursive` prints it from a cluster.\n"
)


def text(kind: Kind) -> str:
    """Return the definition of a kind as YAML."""
    head = HEAD.format(singular=kind.name.lower())
    return head + yaml.dump(
        definition(kind), Dumper=_Dumper, sort_keys=False, width=WIDTH, allow_unicode=True
    )


def definition(kind: Kind) -> dict[str, Any]:
    """Return the definition of a kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": list(kind.short_names),
                "categories": [names.CATEGORY],
            },
            "versions": [_version(kind)],
        },
    }


def _version(kind: Kind) -> dict[str, Any]:
    version = {
        "name": kind.version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": list(map(_column, kind.columns)),
    }
    if kind.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in kind.selectable]
    return version | {"schema": {"openAPIV3Schema": _object(kind)}}


def _column(column: Column) -> dict[str, str]:
    return {"name": column.name, "type": column.type, "jsonPath": column.path}


def _object(kind: Kind) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "description": kind.description, "required": ["spec"]}
    if kind.rules:
        schema["x-kubernetes-validations"] = [rule.document() for rule in kind.rules]
    return schema | {
        "properties": {
            "apiVersion": {
                "type": "string",
                "description": f"The API version of this object, {names.GROUP}/{kind.version}.",
            },
            "kind": {"type": "string", "description": f"The kind of this object, {kind.name}."},
            "metadata": {"type": "object"},
            "spec": object_schema(kind.spec),
            "status": object_schema(kind.status) | dict(kind.status_keywords),
        }
    }


class _Dumper(yaml.SafeDumper):
    """Writes a list of names in one line, other lists below their key, and every value where it is used."""

    def ignore_aliases(self, _data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        super().increase_indent(flow, indentless=False)


def _list(dumper: _Dumper, value: list[Any]) -> yaml.Node:
    names_only = all(isinstance(each, str) for each in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=names_only)


_Dumper.add_representer(list, _list)
