"""Settings of previews: those that identify a preview, and those that admit previews to a cluster. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from platform_infra import names
from platform_infra.settings.sections.base import Quantity, Section

LABEL = names.PREVIEW_LABEL
"""Label of a preview's namespace. The operator of the shared cluster does not watch such namespaces."""


EXCLUDED = f"!{LABEL}"
"""The requirement of a namespace selector that excludes previews."""


def excludes_previews(selector: str | None) -> bool:
    """Return whether a label selector selects no preview namespace."""
    return EXCLUDED in {requirement.strip() for requirement in (selector or "").split(",")}


class PreviewQuota(Section):
    """The limits of a preview in its cluster."""

    pods: Annotated[int, Field(ge=1)] = 2
    """Maximum number of pods in the namespace of a preview. An update starts the new pod before it stops the old one. For `previewBase`, the maximum that a preview can set; otherwise, the value of this preview."""
    memory: Quantity = "512Mi"
    """Maximum sum of the memory limits of the pods in the namespace of a preview. For `previewBase`, the maximum that a preview can set; otherwise, the value of this preview."""
    notifications: Annotated[int, Field(ge=1)] = 500
    """Maximum number of NotificationRequests in the namespace of a preview. For `previewBase`, the maximum that a preview can set; otherwise, the value of this preview."""

    def hard(self) -> dict[str, str]:
        """Return the limits of the ResourceQuota."""
        count = f"count/{names.PLURAL}.{names.GROUP}"
        return {"pods": str(self.pods), "limits.memory": self.memory, count: str(self.notifications)}


class Preview(Section):
    """The pull request of a preview, which `tools/notif-platform preview` sets, and whether previews use the cluster of the stack."""

    number: Annotated[int, Field(ge=0)] = 0
    """Number of the pull request that the stack previews; 0 for a stack that is not a preview."""
    owner: Annotated[str, StringConstraints(max_length=100)] = ""
    """User who requested the preview."""
    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{0,40}$")] = ""
    """Commit that the preview is built from."""
    expires: Annotated[str, StringConstraints(pattern=r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)?$")] = ""
    """Time after which the preview can be removed, such as `2026-01-31T12:00:00Z`."""

    base: bool = False
    """Whether previews use the cluster of this stack: creates an account that can manage preview namespaces only, and outputs its kubeconfig as `previewKubeconfig`."""
    quota: PreviewQuota = PreviewQuota()
    restricted: bool = False
    """Whether the preview uses that account; `tools/notif-platform preview` sets it."""

    def labels(self) -> dict[str, str]:
        """Return the labels that the operator's namespace has because of previews."""
        base = {names.PREVIEW_BASE_LABEL: "true"} if self.base else {}
        return base | ({LABEL: str(self.number)} if self.number else {})

    def annotations(self) -> dict[str, str]:
        """Return the annotations of the preview's namespace; empty if the stack is not a preview."""
        if not self.number:
            return {}
        values = {"owner": self.owner, "commit": self.commit, "expires": self.expires}
        return {f"{LABEL}-{name}": value for name, value in values.items() if value}
