"""YAML that parsers of YAML 1.1 and 1.2 read alike, among them the parser of kubectl."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

AMBIGUOUS: Final = re.compile(r"[-+]?[0-9._]+[eE][-+]?[0-9]+|0[oO][0-7_]+|[yYnN]")
"""Texts for Python that the parser of Kubernetes takes for numbers and booleans."""
NOT_FOLDED: Final = 10_000


class Dumper(yaml.SafeDumper):
    """Quotes ambiguous texts, and writes lines as lines."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 - any value
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else "'" if AMBIGUOUS.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Dumper.add_representer(str, _text)


def dump(value: object, *, sort_keys: bool = True) -> str:
    text: str = yaml.dump(value, Dumper=Dumper, width=NOT_FOLDED, sort_keys=sort_keys)
    return text
