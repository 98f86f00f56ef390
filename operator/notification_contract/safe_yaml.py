"""YAML without objects of Python, read by libyaml where PyYAML contains it: ten times as fast."""

from __future__ import annotations

from typing import Any, Final

import yaml

LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: str) -> Any:  # noqa: ANN401 - a document may be anything
    """Return the document in a text, as `yaml.safe_load` does."""
    return yaml.load(text, Loader=LOADER)  # noqa: S506 - it is a safe loader
