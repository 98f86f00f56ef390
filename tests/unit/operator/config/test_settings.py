"""Settings: all problems at once, each with its key, its value and the remedy."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from notification_operator.cli import UNUSABLE, app
from notification_operator.config.settings import Settings, SettingsError, load


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    return file


def test_without_a_file_the_defaults_hold() -> None:
    settings = load(None)
    assert settings == Settings()
    assert settings.channels.console.enabled
    assert not settings.channels.file.enabled


def test_a_file_sets_what_it_names_and_leaves_the_rest(tmp_path: Path) -> None:
    settings = load(write(tmp_path, "queue: {workers: 3}\nwatch: {namespaces: [a, b]}\n"))
    assert settings.queue.workers == 3
    assert settings.watch.namespaces == ("a", "b")
    assert settings.delivery == Settings().delivery


def test_the_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFICATION_QUEUE__WORKERS", "5")
    monkeypatch.setenv("NOTIFICATION_WATCH__NAMESPACES", '["c"]')
    settings = load(write(tmp_path, "queue: {workers: 3}\nwatch: {namespaces: [a]}\nlog: {level: debug}\n"))
    assert (settings.queue.workers, settings.watch.namespaces) == (5, ("c",))
    assert settings.log.level == "debug"


def test_every_problem_is_listed_with_key_value_and_remedy(tmp_path: Path) -> None:
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


def test_a_variable_for_a_section_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFICATION_QUEU__WORKERS", "8")
    monkeypatch.setenv("NOTIFICATION_QUEUE__WORKERS", "0")
    with pytest.raises(SettingsError) as caught:
        load(None)
    strange, wrong = caught.value.problems
    assert "NOTIFICATION_QUEU__WORKERS: names no section; the sections are watch, queue" in strange
    assert "queue.workers" in wrong


def test_two_ways_to_choose_namespaces_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="either namespaces or namespace_selector"):
        load(write(tmp_path, "watch: {namespaces: [a], namespace_selector: team=web}"))


def test_shards_without_a_lease_that_decides_whose_they_are_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no Lease would decide"):
        load(write(tmp_path, "leader_election: {shards: 4}"))
    assert load(write(tmp_path, "leader_election: {enabled: true, shards: 4}")).leader_election.shards == 4


SLACK = "channels: {slack: {enabled: true, webhook_url: 'https://hooks.slack.com/file'}}"


def slack_url(file: Path | None) -> str:
    url = load(file).channels.slack.webhook_url
    assert url is not None
    return url.get_secret_value()


def test_slack_s_url_may_come_by_the_name_that_everybody_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, SLACK)
    assert slack_url(file) == "https://hooks.slack.com/file"
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "https://hooks.slack.com/known")
    assert slack_url(file) == "https://hooks.slack.com/known"
    assert slack_url(write(tmp_path, "channels: {slack: {enabled: true}}")) == "https://hooks.slack.com/known"
    monkeypatch.setenv("NOTIFICATION_CHANNELS__SLACK__WEBHOOK_URL", "https://hooks.slack.com/own")
    assert slack_url(file) == "https://hooks.slack.com/own"


def test_slack_without_a_url_is_refused_with_both_ways_to_give_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(write(tmp_path, "channels: {slack: {enabled: true}}"))
    (problem,) = caught.value.problems
    assert problem.startswith("channels.slack: ")
    assert "webhook_url is empty" in problem
    assert "SLACK_WEBHOOK_URL" in problem


@pytest.mark.parametrize(
    "url", ["hooks.slack.com/secret", "ftp://host/secret", "https:///secret", "https://host/se cret"]
)
def test_a_url_that_is_none_is_refused_without_being_shown(tmp_path: Path, url: str) -> None:
    file = write(tmp_path, f"channels: {{slack: {{enabled: true, webhook_url: '{url}'}}}}")
    with pytest.raises(SettingsError, match="must be an http or https URL") as caught:
        load(file)
    assert "cret" not in str(caught.value)


def test_the_secret_is_not_shown_with_the_settings(tmp_path: Path) -> None:
    settings = load(write(tmp_path, SLACK))
    assert (
        "hooks.slack.com"
        not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [("- a list", "must hold a mapping"), ("a: [", "is not YAML")],
    ids=["list", "broken"],
)
def test_a_file_of_another_shape_is_refused(tmp_path: Path, content: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load(write(tmp_path, content))


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SettingsError, match="/no/such/file: cannot be read: No such file"):
        load(Path("/no/such/file"))


def test_check_config_says_ok_or_lists_the_problems(tmp_path: Path) -> None:
    good = CliRunner().invoke(app, ["check-config", str(write(tmp_path, "queue: {workers: 3}"))])
    assert (good.exit_code, good.output.strip().endswith("ok")) == (0, True)
    bad = CliRunner().invoke(app, ["check-config", str(write(tmp_path, "queue: {workers: 0}\nx: 1"))])
    assert bad.exit_code == UNUSABLE
    assert bad.stderr.count("notification-operator:") == 2


def test_help_explains_every_setting_with_its_variable() -> None:
    text = CliRunner().invoke(app, ["run", "--help"], terminal_width=200).output
    for variable in ("NOTIFICATION_QUEUE__WORKERS", "NOTIFICATION_CHANNELS__FILE__DIRECTORY"):
        assert variable in text
    assert "Where the files go" in text
