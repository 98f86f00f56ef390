"""Where a disposable stack is: what its tests need to know, handed on to other processes as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from tools.platform.pulumi.environment import STATE_FOLDER

KEPT = STATE_FOLDER / "kept"
"""Holds a folder for each stack that outlives the run that made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EphemeralStack:
    """One stack that is up. `sink` and `proxy` are URLs on this machine; `kubeconfig` is a file's path."""

    name: str
    container: str
    kubeconfig: str
    sink: str
    proxy: str

    def dump(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self))


def load(text: str) -> EphemeralStack:
    """Read what `dump` wrote."""
    return EphemeralStack(**json.loads(text))
