"""Operators of earlier versions read the file of today's program: with the same values, and refusing only what they lack."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from notification_contract import names
from notification_contract.settings import OperatorSettings, declared_settings, since
from platform_infra.settings.derivation import operator_settings, sources
from platform_infra.settings.model import Settings, key_of
from platform_infra.settings.reader import parse
from platform_infra.workload.mounts import config_file
from tests.harness.earlier_operators import EARLIER, earlier_operator
from tests.unit.infra.test_derivation import UNUSUAL, URL

if TYPE_CHECKING:
    from collections.abc import Iterator

DUMP = """
import importlib.util, pathlib, sys
package = "notification_operator."
module = "config.settings" if importlib.util.find_spec(package + "config") else "settings"
settings = importlib.import_module(package + module)
for file in sys.argv[1:]:
    print(settings.load(pathlib.Path(file)).model_dump_json())
"""
LEFT_OUT = {"watch.namespace_selector", "channels.plugins"}
"""Settings that are not set with all others: one excludes another one, one has younger parts."""
FIRST_VERSION = {
    path: text
    for path, (text, _) in UNUSUAL.items()
    if since(tuple(path.split("."))) == 1 and path not in LEFT_OUT
}
DEFAULTS_OF_THEIR_OWN = {("server", "host")}
"""Settings whose default has changed: an operator has its own."""


@pytest.fixture(scope="module", params=EARLIER)
def operator(request: pytest.FixtureRequest) -> Iterator[Path]:
    with contextlib.ExitStack() as cleanup:
        yield earlier_operator(request.param, cleanup)


def run(operator: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(operator), names.SLACK_URL_VARIABLE: URL}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, check=False, text=True, timeout=60
    )


def stack(**values: str) -> Settings:
    return parse({"channelsSlackWebhookUrl": URL, **values})


def written(folder: Path, settings: Settings) -> str:
    folder.mkdir(exist_ok=True)
    file = folder / names.CONFIG_KEY
    file.write_text(config_file.render(settings), "utf-8")
    return str(file)


def everything_of_the_first_version() -> Settings:
    """A stack that sets each setting of the first version to an unusual value."""
    keys = {key_of(sources(Settings)[tuple(path.split("."))]): text for path, text in FIRST_VERSION.items()}
    return stack(**keys)


def test_earlier_operator_reads_the_values_of_the_stack(operator: Path, tmp_path: Path) -> None:
    stacks = {"defaults": stack(), "everything": everything_of_the_first_version()}
    result = run(
        operator, "-c", DUMP, *(written(tmp_path / name, settings) for name, settings in stacks.items())
    )
    assert result.returncode == 0, result.stderr
    for (name, settings), line in zip(stacks.items(), result.stdout.splitlines(), strict=True):
        read: dict[str, Any] = json.loads(line)
        expected = operator_settings(settings).model_dump(mode="json")
        for path, field in declared_settings(OperatorSettings):
            own = path in DEFAULTS_OF_THEIR_OWN and at(expected, path) == field.default
            if since(path) == 1 and not own:
                assert at(read, path) == at(expected, path), (name, path)


def at(content: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        content = content[name]
    return content


def test_earlier_operator_accepts_the_file_of_a_default_stack(operator: Path, tmp_path: Path) -> None:
    file = written(tmp_path, parse({}))
    result = run(operator, "-m", "notification_operator", "check-config", file)
    assert (result.returncode, result.stdout) == (0, f"{file}: ok\n"), result.stderr


def test_earlier_operator_refuses_a_misspelled_setting(operator: Path, tmp_path: Path) -> None:
    file = Path(written(tmp_path, parse({})))
    content = {**yaml.safe_load(file.read_text("utf-8")), "queue": {"worker": 3}}
    file.write_text(yaml.safe_dump(content), "utf-8")
    result = run(operator, "-m", "notification_operator", "check-config", str(file))
    assert result.returncode == 2
    assert "queue.worker: unknown setting" in result.stderr


def test_operator_of_the_first_version_has_exactly_its_settings(tmp_path: Path) -> None:
    """So `operatorSettingsVersion: 1` refuses neither too much nor too little."""
    with contextlib.ExitStack() as cleanup:
        operator = earlier_operator("without-shards", cleanup)
        result = run(operator, "-c", DUMP, written(tmp_path, parse({})))
    read = json.loads(result.stdout)
    for path, _ in declared_settings(OperatorSettings):
        if since(path) == 1:
            at(read, path)
        else:
            with pytest.raises((KeyError, TypeError)):
                at(read, path)
