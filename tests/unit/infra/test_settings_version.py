"""A stack whose image is older than the program: settings that the image lacks are refused, wherever its version is known."""

from __future__ import annotations

import re
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING

import docker.errors
import pytest

from notification_contract import names
from notification_contract.settings import SETTINGS_VERSION
from platform_infra.image import settings_version
from platform_infra.settings.reader import SettingsError, parse
from tests.kit.recording import record_bundle
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

BUILT = "notification-platform/operator:0123"
SINCE = {("drill", "schedule"): 2, ("channels", "plugins", "*", "burst"): 2}


@pytest.fixture(autouse=True)
def next_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two settings be of the version after the first one."""
    monkeypatch.setattr("notification_contract.settings.version.SINCE", SINCE)


def problems(**values: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse(values)
    return [str(problem) for problem in caught.value.problems]


def test_settings_that_an_older_image_lacks_are_refused_by_name() -> None:
    plugins = '{"sms": {"factory": "a:b", "burst": 3}}'
    texts = problems(
        operatorSettingsVersion="1", drillSchedule="@daily", channelsPlugins=plugins, queueWorkers="3"
    )
    assert [text.split()[0] for text in texts] == [
        "queueWorkers",
        "channelsPlugins.sms.burst",
        "drillSchedule",
    ]
    assert texts[-1] == (
        "drillSchedule needs version 2 of the operator's settings, but the image has version 1 (operatorSettingsVersion); "
        "remove it, or set operatorImage to an image with version 2 or newer, and operatorSettingsVersion to its version"
    )


@pytest.mark.parametrize("version", ["0", "2", "3"])
def test_settings_are_accepted_for_an_image_that_has_them(version: str) -> None:
    assert parse({"operatorSettingsVersion": version, "drillSchedule": "@daily"}).drill.schedule == "@daily"


def test_settings_of_the_first_version_are_accepted_for_every_image() -> None:
    assert (
        parse({"operatorSettingsVersion": "1", "deliveryTimeoutSeconds": "3"}).operator.settings_version == 1
    )


@contextmanager
def docker_with(labels: dict[str, str] | None) -> Iterator[SimpleNamespace]:
    def get(_name: str) -> SimpleNamespace:
        if labels is None:
            raise docker.errors.ImageNotFound("no such image")
        return SimpleNamespace(labels=labels)

    yield SimpleNamespace(images=SimpleNamespace(get=get))


@pytest.mark.parametrize(
    ("image", "labels", "refused"),
    [
        (BUILT, {names.SETTINGS_VERSION_LABEL: "1"}, True),
        (BUILT, {names.SETTINGS_VERSION_LABEL: "2"}, False),
        (BUILT, {}, False),
        (BUILT, None, False),
        ("registry.example.com/operator:1", {names.SETTINGS_VERSION_LABEL: "1"}, False),
    ],
    ids=["older", "same", "unlabelled", "unknown", "registry"],
)
def test_label_of_an_image_that_was_built_here_is_compared(
    monkeypatch: pytest.MonkeyPatch,
    image: str,
    labels: dict[str, str] | None,
    *,
    refused: bool,
) -> None:
    monkeypatch.setattr(settings_version, "connected", lambda: docker_with(labels))
    if not refused:
        record_bundle(operatorImage=image, drillSchedule="@daily")
        return
    with pytest.raises(
        SettingsError, match=f"drillSchedule needs version 2 .* has version 1 .label of {image}"
    ):
        record_bundle(operatorImage=image, drillSchedule="@daily")


def test_file_that_does_not_fit_into_an_annotation_is_refused() -> None:
    plugins = f'{{"sms": {{"factory": "a:b", "options": {{"text": "{"x" * 200_000}"}}}}}}'
    (problem,) = problems(channelsPlugins=plugins)
    assert problem.startswith("channelsPlugins.sms.options is too large: ")
    assert "131072 is the limit" in problem


def test_image_has_the_version_of_the_settings_as_a_label() -> None:
    labels = re.findall(r"^LABEL (\S+?)=(\S+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert (names.SETTINGS_VERSION_LABEL, str(SETTINGS_VERSION)) in labels


def test_operator_settings_version_takes_the_place_of_the_label(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = {names.SETTINGS_VERSION_LABEL: "1"}
    monkeypatch.setattr(settings_version, "connected", lambda: docker_with(labels))
    record_bundle(operatorImage=BUILT, drillSchedule="@daily", operatorSettingsVersion="2")
