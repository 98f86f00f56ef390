"""axe-core, which checks a page for barriers to people with disabilities: from npm, pinned, into the cache."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.localcluster.toolchain.layout import cache_dir

if TYPE_CHECKING:
    from tests.cli.browser import Tab

VERSION = "4.14.1"
INTEGRITY = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
"""The SHA-512 of the package, in base64, as npm's registry states it."""
MEMBER = "package/axe.min.js"
SERIOUS = ("serious", "critical")
RUN = """
axe.run(document, {resultTypes: ["violations", "incomplete"]}).then(result => JSON.stringify(result.violations.map(
  each => ({id: each.id, impact: each.impact, nodes: each.nodes.map(node => node.html + " " + node.failureSummary)}))))
"""


def provide() -> str:
    """Return the script; it is downloaded once."""
    file = cache_dir() / "npm" / f"axe-core-{VERSION}.min.js"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="axe-", dir=file.parent) as folder:
            content = _downloaded(Path(folder))
            temporary = Path(folder) / file.name
            temporary.write_bytes(content)
            temporary.rename(file)
    return file.read_text("utf-8")


def _downloaded(folder: Path) -> bytes:
    subprocess.run(["npm", "pack", "--silent", f"axe-core@{VERSION}"], cwd=folder, check=True)
    (package,) = folder.glob("*.tgz")
    digest = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    assert digest == INTEGRITY, f"axe-core {VERSION} has another hash than its pin: {digest}"
    with tarfile.open(package) as archive:
        member = archive.extractfile(MEMBER)
        assert member is not None, MEMBER
        return member.read()


async def violations(tab: Tab, script: str) -> list[dict[str, Any]]:
    """Return the violations of the page in a tab.

    The protocol evaluates the script: the page's policy admits none but its own.
    """
    await tab.evaluate(f"{script}; null")
    output: list[dict[str, Any]] = await tab.evaluate_json(RUN)
    return output
