"""The memory of an operator pod: it does not load the generated models of every Kubernetes kind."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from notification_contract import __version__
from tests.kit.loaded_modules import loaded_modules

FEW = 5
"""The model of the API server's version and its parts; there are more than seven hundred models."""
SHORT_TEXTS = """
import pkgutil, sys
from importlib import import_module
from notification_runtime import channels
from notification_domain.rendering.composition import compose
from notification_domain.rendering.markup.markups import MARKUPS
from notification_domain.rendering.mime import write

for module in pkgutil.iter_modules(channels.__path__, "notification_runtime.channels."):
    import_module(module.name)
names = ("namespace", "name", "priority", "type", "dedupKey", "deliveryId", "subject", "body")
content = {**dict.fromkeys(names, "a"), "event": "Resolve", "metadata": {}, "links": []}
composition = {
    "context": {"notification": content, "cluster": "", "receiver": {}, "attempt": 1},
    "format": "Plain", "templates": {}, "override": None, "rules": {},
}
for markup in MARKUPS:
    compose(composition=composition, markup=markup)
write(composition=composition, sender="a@b.example", domain="b.example", address="c@d.example", date="")
print(*sys.modules)
"""


@pytest.fixture(scope="module")
def loaded() -> frozenset[str]:
    """The modules of an operator that begins its work."""
    return loaded_modules("notification_operator", "run")


@pytest.mark.slow
def test_process_loads_the_asynchronous_client_only(loaded: frozenset[str]) -> None:
    assert "kubernetes.aio.client.api_client" in loaded
    assert not loaded & {"kubernetes.config", "kubernetes.dynamic", "requests", "oauthlib", "urllib3"}
    assert not loaded & {"kubernetes.aio.dynamic", "kubernetes.aio.watch"}


@pytest.mark.slow
def test_process_loads_no_library_of_a_channel_that_is_not_set_up(loaded: frozenset[str]) -> None:
    assert not loaded & {"aiosmtplib", "apprise", "jinja2", "markdown_it", "markupsafe"}


def test_process_that_sends_short_plain_text_renders_without_a_library() -> None:
    program = [sys.executable, "-c", SHORT_TEXTS]
    loaded = subprocess.run(program, capture_output=True, text=True, check=True).stdout.split()
    assert "notification_runtime.channels.teams" in loaded
    assert not {"jinja2", "markdown_it", "markupsafe"} & set(loaded)


@pytest.mark.slow
def test_process_loads_no_library_of_a_console(loaded: frozenset[str]) -> None:
    assert "structlog.dev" in loaded
    assert not loaded & {"rich.console", "pygments"}


@pytest.mark.slow
def test_operator_loads_only_the_models_that_it_uses(loaded: frozenset[str]) -> None:
    assert "notification_operator.app" in loaded
    assert sum(name.startswith("kubernetes.aio.client.models") for name in loaded) < FEW


def test_version_is_that_of_the_distribution() -> None:
    project = Path(__file__).parents[3] / "pyproject.toml"
    assert tomllib.loads(project.read_text("utf-8"))["project"]["version"] == __version__
