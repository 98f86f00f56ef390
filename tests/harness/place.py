"""The address of a disposable stack, handed to other processes as JSON."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

from tools.platform.pulumi.environment import STATE_FOLDER

KEPT = STATE_FOLDER / "kept"
"""Has a folder for each stack that outlives its run."""

VARIABLES = {
    "PULUMI_BACKEND_URL": f"file://{STATE_FOLDER / 'disposable'}?create_dir=true",
    "PULUMI_CONFIG_PASSPHRASE": "disposable-stacks-of-the-tests",
}
"""The backend and the passphrase of disposable stacks. To Pulumi, their node is an existing cluster, which needs its own."""


def use_own_backend() -> None:
    """Select the backend of disposable stacks for this process and for the processes that it starts."""
    for name, value in VARIABLES.items():
        os.environ.setdefault(name, value)


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
    """Read what `dump` wrote, and select the backend of the stack."""
    use_own_backend()
    return EphemeralStack(**json.loads(text))
