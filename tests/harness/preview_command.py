"""The preview command as a user runs it, with a disposable stack as the base."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_infra.image import build as image_build
from tools.platform.preview.stacks import statuses
from tools.platform.pulumi.environment import ROOT, kubeconfig_path
from tools.platform.pulumi.stack import known_stacks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.harness.place import EphemeralStack
    from tools.platform.preview.stacks import PreviewStatus

LIMIT = 180.0
AT_ONCE = 3
"""Concurrent commands; each of them runs an engine with its plugins."""
SERIES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The output of a command, and how long it took."""

    text: str
    seconds: float


class PreviewCommand:
    """Creates previews with numbers that no pull request has, and removes them."""

    def __init__(self, base: EphemeralStack) -> None:
        self._base = base.name
        self._first = 100_000_000 + uuid.uuid4().int % 800_000 * SERIES

    def numbers(self, count: int, *, begin: int = 0) -> list[int]:
        """Return preview numbers that only this object uses."""
        return [self._first + begin + offset for offset in range(count)]

    def up(self, number: int) -> Output:
        # The node of the disposable stack has the image already.
        image = image_build.image_name("")
        return self._run("up", str(number), "--base", self._base, "--image", image, "--hours", "1")

    def down(self, number: int) -> Output:
        return self._run("down", str(number))

    def all_up(self, numbers: Iterable[int]) -> list[Output]:
        """Create several previews, some concurrently."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(self.up, numbers))

    def all_down(self, numbers: Iterable[int]) -> list[Output]:
        """Remove several previews, some concurrently."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(self.down, numbers))

    def seen(self) -> dict[int, PreviewStatus]:
        """Return this object's previews as listed, by number."""
        ours = range(self._first, self._first + SERIES)
        return {entry.preview.number: entry for entry in statuses() if entry.preview.number in ours}

    def left(self, numbers: Sequence[int]) -> list[str]:
        """Return the remains of removed previews on this machine."""
        names = [f"pr-{number}" for number in numbers]
        known = known_stacks()
        files = [kubeconfig_path(name) for name in names]
        files += [ROOT / "stacks" / f"Pulumi.{name}.yaml" for name in names]
        return [*(name for name in names if name in known), *(str(file) for file in files if file.exists())]

    def _run(self, *arguments: str) -> Output:
        start = time.monotonic()
        command = [sys.executable, "-m", "tools.platform", "preview", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=False)
        assert done.returncode == 0, f"{' '.join(arguments)}:\n{done.stdout}{done.stderr}"
        return Output(text=done.stdout, seconds=time.monotonic() - start)
