"""The versions of the settings: which one has which setting, and the text of a configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from notification_contract.settings import (
    SETTINGS_VERSION,
    OperatorSettings,
    PluginChannel,
    declared_settings,
    render,
    since,
    version_of,
)
from notification_contract.settings.version import ANY, FIRST, SINCE

RELEASED = yaml.safe_load((Path(__file__).parent / "versions.yaml").read_text("utf-8"))
"""The settings by the version that introduced them. A version that was released does not change."""
PLUGIN = ("channels", "plugins", ANY)


def settings_since(version: int) -> list[str]:
    paths = [path for path, _ in declared_settings(OperatorSettings)]
    paths += [(*PLUGIN, name) for name in PluginChannel.model_fields]
    paths += [path for path in SINCE if path[:-1] in paths]  # a value of a setting
    return sorted(".".join(path) for path in paths if since(path) == version)


@pytest.mark.parametrize("version", range(FIRST, SETTINGS_VERSION + 1))
def test_version_has_the_settings_of_its_list(version: int) -> None:
    hint = "declare a further setting in SINCE with the next SETTINGS_VERSION, and list it in versions.yaml"
    assert settings_since(version) == RELEASED[version], hint


def test_every_version_is_listed_and_no_setting_is_newer() -> None:
    assert list(RELEASED) == list(range(FIRST, SETTINGS_VERSION + 1))
    assert max(SINCE.values()) == SETTINGS_VERSION


def test_file_without_differences_needs_the_first_version() -> None:
    text = render(OperatorSettings())
    assert text == "# settings version: 1\n{}\n"
    assert version_of(text) == FIRST


def test_file_names_the_newest_version_of_its_settings() -> None:
    settings = OperatorSettings.model_validate(
        {"queue": {"workers": 3}, "channels": {"plugins": {"sms": {"factory": "a:b", "burst": 7}}}}
    )
    text = render(settings)
    assert version_of(text) == 2
    assert yaml.safe_load(text) == {
        "queue": {"workers": 3},
        "channels": {"plugins": {"sms": {"factory": "a:b", "burst": 7}}},
    }


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
