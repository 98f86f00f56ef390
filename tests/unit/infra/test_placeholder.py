"""A stack whose image is the placeholder of zeros: an update is refused, a preview only warns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pytest

from platform_infra.image.placeholder import PlaceholderImageError, check_image

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Record

NAME = "registry.example/operator"
ZEROS = f"{NAME}@sha256:{'0' * 64}"


def test_update_with_the_placeholder_is_refused(record: Record) -> None:
    with pytest.raises(PlaceholderImageError) as caught:
        record(operatorImage=ZEROS)
    for part in (f"operatorImage: {ZEROS} is a placeholder", "pulumi config set operatorImage"):
        assert part in str(caught.value)


def test_preview_with_the_placeholder_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    check_image(ZEROS)
    assert len(warnings) == 1


@pytest.mark.parametrize("image", ["", f"{NAME}:1", f"{NAME}@sha256:{'0' * 63}1"])
def test_other_images_are_accepted(image: str) -> None:
    check_image(image)


def test_disabled_operator_needs_no_image(record: Record) -> None:
    record(operatorImage=ZEROS, operatorEnabled="false")
