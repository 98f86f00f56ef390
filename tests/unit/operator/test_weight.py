"""The memory of an operator pod: it does not load the generated models of every Kubernetes kind."""

import tomllib
from pathlib import Path

import pytest

from notification_operator import __version__
from tests.kit.loaded_modules import loaded_modules

FEW = 5
"""The model of the API server's version and its parts; there are more than seven hundred models."""


@pytest.fixture(scope="module")
def loaded() -> frozenset[str]:
    """The modules of an operator that begins its work."""
    return loaded_modules("notification_operator", "run")


@pytest.mark.slow
def test_process_loads_the_asynchronous_client_only(loaded: frozenset[str]) -> None:
    assert "kubernetes.aio.client.api_client" in loaded
    assert not loaded & {"kubernetes.config", "kubernetes.dynamic", "requests", "oauthlib"}


@pytest.mark.slow
def test_process_loads_no_library_of_a_channel_that_is_not_set_up(loaded: frozenset[str]) -> None:
    assert not loaded & {"aiosmtplib", "apprise", "jinja2", "markdown_it", "markupsafe"}


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
