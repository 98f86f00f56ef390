"""A stack without an image: an update is refused before the first resource, a preview only warns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pytest

from platform_infra.image.placeholder import PLACEHOLDER, MissingImageError
from platform_infra.settings.reader import SettingsError, parse
from tests.kit.recording import record_bundle

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Record

NAME = "registry.example/operator"
REMOTE = {"clusterKind": "stack", "clusterStack": "organization/notification-platform/base"}
OWNER = {"kubeconfig": "apiVersion: v1\nkind: Config\n", "context": "c"}


def test_update_without_an_image_is_refused(record: Record) -> None:
    with pytest.raises(MissingImageError) as caught:
        record(OWNER, **REMOTE)
    for part in (
        "operatorImage is empty: ",
        "tools/notif-platform promote",
        "add `notification-platform:operatorImage: REGISTRY/NAME@sha256:DIGEST` to its file",
    ):
        assert part in str(caught.value)


def test_preview_without_an_image_warns_and_shows_a_placeholder(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    assert record_bundle(OWNER, **REMOTE).container["image"] == PLACEHOLDER
    assert len(warnings) == 1


def test_other_stacks_need_no_image(record: Record) -> None:
    record()
    record(OWNER, **REMOTE, operatorEnabled="false")
    record(OWNER, **REMOTE, operatorImage=f"{NAME}:1")


@pytest.mark.parametrize("zeros", [63, 64])
def test_digest_of_zeros_is_no_image(zeros: int) -> None:
    image = f"{NAME}@sha256:{'0' * zeros}{'1' * (64 - zeros)}"
    if zeros < 64:
        assert parse({"operatorImage": image}).operator.image == image
        return
    with pytest.raises(SettingsError, match="operatorImage has a digest of zeros"):
        parse({"operatorImage": image})
