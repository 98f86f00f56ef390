"""The settings that tell a preview from other stacks: whose it is, of what, and until when. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from platform_infra.settings.base import Section

LABEL = "kubernaut.ai/preview"
"""The label of a preview's namespace; the operator of the shared cluster leaves such namespaces alone."""


class Preview(Section):
    """Whose preview a stack is; `tools/platform/commands/preview.py` sets these, and the stack's tags with them."""

    number: Annotated[int, Field(ge=0)] = 0
    """The pull request that the stack is a preview of; 0 for a stack that is none."""
    owner: Annotated[str, StringConstraints(max_length=100)] = ""
    """Who asked for the preview."""
    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{0,40}$")] = ""
    """The commit that it was built from."""
    expires: Annotated[str, StringConstraints(pattern=r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)?$")] = ""
    """When it may be taken down, such as `2026-01-31T12:00:00Z`."""

    def labels(self) -> dict[str, str]:
        """Return the labels of the preview's namespace; none where the stack is no preview."""
        return {LABEL: str(self.number)} if self.number else {}

    def annotations(self) -> dict[str, str]:
        """Return what the namespace tells whoever comes upon it in the cluster."""
        told = {"owner": self.owner, "commit": self.commit, "expires": self.expires}
        return {f"{LABEL}-{name}": value for name, value in told.items() if value} if self.number else {}
