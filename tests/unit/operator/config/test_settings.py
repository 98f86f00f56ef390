"""The operator's settings: sources, and all problems at once, each with key, value and hint."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from notification_contract.settings import SETTINGS_VERSION
from notification_operator.cli import UNUSABLE, app
from notification_runtime.settings import Settings, SettingsError, load


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    return file


def test_defaults_apply_without_a_file() -> None:
    settings = load(None)
    assert settings == Settings()
    assert settings.channels.console.enabled
    assert not settings.channels.file.enabled


def test_file_overrides_only_the_settings_it_contains(tmp_path: Path) -> None:
    settings = load(write(tmp_path, "queue: {workers: 3}\nwatch: {namespaces: [a, b]}\n"))
    assert settings.queue.workers == 3
    assert settings.watch.namespaces == ("a", "b")
    assert settings.delivery == Settings().delivery


def test_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFICATION_QUEUE__WORKERS", "5")
    monkeypatch.setenv("NOTIFICATION_WATCH__NAMESPACES", '["c"]')
    settings = load(write(tmp_path, "queue: {workers: 3}\nwatch: {namespaces: [a]}\nlog: {level: debug}\n"))
    assert (settings.queue.workers, settings.watch.namespaces) == (5, ("c",))
    assert settings.log.level == "debug"


def test_every_problem_is_listed_with_key_value_and_hint(tmp_path: Path) -> None:
    file = write(tmp_path, "queue: {workers: 0}\nlog: {level: loud}\nchanels: {}\n")
    with pytest.raises(SettingsError) as caught:
        load(file)
    text = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 3
    assert "queue.workers" in text
    assert "(got 0)" in text
    assert "NOTIFICATION_QUEUE__WORKERS" in text
    assert "log.level" in text
    assert "'loud'" in text
    assert "chanels: unknown setting" in text


def test_broken_rule_is_listed_with_other_problems(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "queue: {workers: 0}\nwatch: {namespaces: [a], namespace_selector: team=web}\n"
        "channels: {slack: {enabled: true}}\nleader_election: {shards: 2}\n",
    )
    with pytest.raises(SettingsError) as caught:
        load(file)
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "watch",
        "queue.workers",
        "channels.slack",
        "leader_election",
    ]


def test_variable_of_an_unknown_section_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFICATION_QUEU__WORKERS", "8")
    monkeypatch.setenv("NOTIFICATION_QUEUE__WORKERS", "0")
    with pytest.raises(SettingsError) as caught:
        load(None)
    unknown, invalid = caught.value.problems
    assert "NOTIFICATION_QUEU__WORKERS: unknown section; the sections are watch, queue" in unknown
    assert "queue.workers" in invalid


def test_namespaces_with_a_selector_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="namespaces and namespace_selector are both set"):
        load(write(tmp_path, "watch: {namespaces: [a], namespace_selector: team=web}"))


def test_audit_token_over_plain_http_is_rejected_with_a_hint(tmp_path: Path) -> None:
    file = write(tmp_path, "audit: {token_audience: audit, url: 'http://data-storage.platform:8080'}")
    with pytest.raises(SettingsError) as caught:
        load(file)
    (problem,) = caught.value.problems
    assert problem == (
        "audit: token_audience is set, but url is an http URL of another host, which would expose the token;"
        " use an https URL, or remove token_audience"
    )


def test_shards_without_leader_election_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no Lease assigns the shards"):
        load(write(tmp_path, "leader_election: {shards: 4}"))
    assert load(write(tmp_path, "leader_election: {enabled: true, shards: 4}")).leader_election.shards == 4


SLACK = "channels: {slack: {enabled: true, webhook_url: 'https://hooks.slack.com/file'}}"


def slack_url(file: Path | None) -> str:
    url = load(file).channels.slack.webhook_url
    assert url is not None
    return url.get_secret_value()


def test_slack_url_is_also_read_from_its_well_known_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, SLACK)
    assert slack_url(file) == "https://hooks.slack.com/file"
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "https://hooks.slack.com/variable")
    assert slack_url(file) == "https://hooks.slack.com/variable"
    assert (
        slack_url(write(tmp_path, "channels: {slack: {enabled: true}}")) == "https://hooks.slack.com/variable"
    )
    monkeypatch.setenv("NOTIFICATION_CHANNELS__SLACK__WEBHOOK_URL", "https://hooks.slack.com/own")
    assert slack_url(file) == "https://hooks.slack.com/own"


def test_slack_without_a_url_is_rejected_with_both_ways_to_set_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(write(tmp_path, "channels: {slack: {enabled: true}}"))
    (problem,) = caught.value.problems
    assert problem.startswith("channels.slack: ")
    assert "webhook_url is empty" in problem
    assert "SLACK_WEBHOOK_URL" in problem


@pytest.mark.parametrize(
    "url", ["hooks.slack.com/secret", "ftp://host/secret", "https:///secret", "https://host/se cret"]
)
def test_invalid_slack_url_is_rejected_and_not_shown(tmp_path: Path, url: str) -> None:
    file = write(tmp_path, f"channels: {{slack: {{enabled: true, webhook_url: '{url}'}}}}")
    with pytest.raises(SettingsError, match="is not an http or https URL") as caught:
        load(file)
    assert "cret" not in str(caught.value)


def test_password_of_an_invalid_audit_url_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match=r"audit\.url") as caught:
        load(write(tmp_path, "audit: {url: 'ftp://ci:hunter2x@host'}"))
    assert "hunter2x" not in str(caught.value)
    monkeypatch.setenv("NOTIFICATION_AUDIT__URL", "https://ci:hunter2x@audit.example.com\n")
    with pytest.raises(SettingsError, match=r"audit\.url.*audit\.example\.com") as caught:
        load(None)
    assert "hunter2x" not in str(caught.value)


def test_variable_with_a_list_that_is_not_json_is_a_problem_like_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NOTIFICATION_WATCH__NAMESPACES", "shop")
    monkeypatch.setenv("NOTIFICATION_QUEU__WORKERS", "5")
    with pytest.raises(SettingsError) as caught:
        load(None)
    unknown, not_json = caught.value.problems
    assert unknown.startswith("NOTIFICATION_QUEU__WORKERS: unknown section")
    assert not_json == (
        "NOTIFICATION_WATCH__NAMESPACES: lists and maps are written as JSON, for example '[\"a\"]'"
    )


def test_secret_is_not_shown_with_the_settings(tmp_path: Path) -> None:
    settings = load(write(tmp_path, SLACK))
    assert (
        "hooks.slack.com"
        not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [("- a list", "must be a mapping"), ("a: [", "invalid YAML")],
    ids=["list", "broken"],
)
def test_file_that_is_not_a_mapping_is_rejected(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load(write(tmp_path, content))


def test_missing_file_is_reported() -> None:
    with pytest.raises(SettingsError, match="/no/such/file: cannot be read: No such file"):
        load(Path("/no/such/file"))


def test_check_config_prints_ok_or_the_problems(tmp_path: Path) -> None:
    good = CliRunner().invoke(app, ["check-config", str(write(tmp_path, "queue: {workers: 3}"))])
    assert (good.exit_code, good.output.strip().endswith("ok")) == (0, True)
    bad = CliRunner().invoke(app, ["check-config", str(write(tmp_path, "queue: {workers: 0}\nx: 1"))])
    assert bad.exit_code == UNUSABLE
    assert bad.stderr.count("notification-operator:") == 2


def test_help_lists_every_setting_with_its_variable() -> None:
    text = CliRunner().invoke(app, ["run", "--help"], terminal_width=200).output
    for variable in ("NOTIFICATION_QUEUE__WORKERS", "NOTIFICATION_CHANNELS__FILE__DIRECTORY"):
        assert variable in text
    assert "Directory of the files" in " ".join(text.split())
    assert "receivers.types_elsewhere (default: console, log, file)" in text
    defaults = re.findall(r"\(default: (.*?)\):", " ".join(text.split()))
    assert len(defaults) > 50
    assert [each for each in defaults if re.search(r"[(){}<>]|None|True|False", each)] == []


NEWER = f"# settings version: {SETTINGS_VERSION + 1}\n"
UNKNOWN = (
    "queue: {workers: 3, order: fifo}\nnovel: {a: 1}\nchannels: {plugins: {sms: {factory: 'a:b', zone: x}}}\n"
)


def test_unknown_settings_of_a_newer_file_are_ignored_and_named(tmp_path: Path) -> None:
    settings = load(write(tmp_path, NEWER + UNKNOWN))
    assert settings.queue.workers == 3
    assert settings.channels.plugins["sms"].factory == "a:b"
    assert sorted(settings.ignored) == ["channels.plugins.sms.zone", "novel", "queue.order"]
    assert settings.file_version == SETTINGS_VERSION + 1


@pytest.mark.parametrize("first", ["", f"# settings version: {SETTINGS_VERSION}\n"])
def test_unknown_settings_of_any_other_file_are_refused(tmp_path: Path, first: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(write(tmp_path, first + UNKNOWN))
    assert len(caught.value.problems) == 3
    assert "queue.order: unknown setting" in str(caught.value)


def test_unknown_variable_is_refused_with_a_newer_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFICATION_QUEUE__WORKER", "3")
    with pytest.raises(SettingsError, match=r"queue\.worker: unknown setting"):
        load(write(tmp_path, NEWER + UNKNOWN))


def test_invalid_value_of_a_newer_file_names_both_versions(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(write(tmp_path, NEWER + "log: {format: binary}\n"))
    invalid, version = caught.value.problems
    assert "log.format" in invalid
    assert f"needs version {SETTINGS_VERSION + 1} of the settings" in version
    assert "ai.kubernaut.settings-version" in version


def test_check_config_names_what_it_ignores(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["check-config", str(write(tmp_path, NEWER + UNKNOWN))])
    assert result.exit_code == 0
    assert "ignores queue.order, " in result.stderr
