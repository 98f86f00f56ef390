"""The address of a disposable stack, handed to other processes as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from tools.platform.pulumi.environment import STATE_FOLDER

KEPT = STATE_FOLDER / "kept"
"""Has a folder for each stack that outlives its run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EphemeralStack:
    """A running stack. `sink` and `proxy` are URLs on this machine; `kubeconfig` is a file's path."""

    name: str
    container: str
    kubeconfig: str
    sink: str
    proxy: str

    def dump(self) -> str:
        return json.dumps(asdict(self))


def load(text: str) -> EphemeralStack:
    return EphemeralStack(**json.loads(text))
