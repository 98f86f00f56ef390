"""Sample previews, and the outputs of the stack whose cluster they use."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tools.platform.preview.model import Preview

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OWNER = {"kubeconfig": "apiVersion: v1\nkind: Config\n", "context": "shared", "node": "the-node"}
PREVIEW = Preview(
    number=7, owner="me", commit="ab" * 20, base="dev", created=NOW - timedelta(days=1), expires=NOW
)


def one(number: int, expires: datetime, *, base: str = "dev") -> Preview:
    return replace(PREVIEW, number=number, base=base, expires=expires)
