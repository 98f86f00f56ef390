"""The versions of the settings: which one has which setting, and the text of a configuration file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
import yaml

from notification_contract.settings import (
    SETTINGS_VERSION,
    OperatorSettings,
    PluginChannel,
    declared_settings,
    render,
    version_of,
)
from notification_contract.settings.version import ANY, FIRST, SINCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_contract.settings.operator import Path

PLUGIN = ("channels", "plugins", ANY)
LATER: Final[Mapping[Path, int]] = {
    ("queue", "workers"): 2,
    ("sanitizer", "ip_addresses", "public"): 2,
    (*PLUGIN, "burst"): 3,
}
"""Settings of later versions, and a value of one."""


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let some settings be of later versions."""
    monkeypatch.setattr("notification_contract.settings.version.SINCE", LATER)


def test_rows_name_declared_settings_of_later_versions() -> None:
    declared = {path for path, _ in declared_settings(OperatorSettings)}
    declared |= {(*PLUGIN, name) for name in PluginChannel.model_fields}
    for row in {*SINCE, *LATER}:
        assert row in declared or row[:-1] in declared
    assert {*SINCE.values(), FIRST} == set(range(FIRST, SETTINGS_VERSION + 1))


def test_file_without_differences_needs_the_first_version() -> None:
    text = render(OperatorSettings())
    assert text == "# settings version: 1\n{}\n"
    assert version_of(text) == FIRST


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize(
    ("content", "version"),
    [
        ({"queue": {"max_notifications": 7000}}, 1),
        ({"queue": {"max_notifications": 7000, "workers": 3}}, 2),
        ({"queue": {"workers": 3}, "channels": {"plugins": {"sms": {"factory": "a:b", "burst": 7}}}}, 3),
    ],
)
def test_file_names_the_newest_version_of_its_settings(content: dict[str, object], version: int) -> None:
    text = render(OperatorSettings.model_validate(content))
    assert version_of(text) == version
    assert yaml.safe_load(text) == content


@pytest.mark.usefixtures("later")
def test_file_names_the_version_of_a_further_value() -> None:
    texts = [
        render(OperatorSettings.model_validate({"sanitizer": {"ip_addresses": value}}))
        for value in (False, "public")
    ]
    assert [version_of(text) for text in texts] == [1, 2]


def test_file_contains_no_secret() -> None:
    slack = {"enabled": True, "webhook_url": "https://hooks.slack.com/x"}
    text = render(OperatorSettings.model_validate({"channels": {"slack": slack}}))
    assert yaml.safe_load(text) == {"channels": {"slack": {"enabled": True}}}


@pytest.mark.parametrize("text", ["", "queue: {}", "\n# settings version: 9\n", "# settings version: new\n"])
def test_file_that_names_no_version_in_its_first_line_has_the_present_one(text: str) -> None:
    assert version_of(text) == SETTINGS_VERSION
