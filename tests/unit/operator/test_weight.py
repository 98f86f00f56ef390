"""The memory of an operator pod: it does not load the generated models of every Kubernetes kind."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from notification_operator import __version__

FEW = 5
"""The model of the API server's version and its parts; there are more than seven hundred models."""


RUN = """
import runpy, sys, uvloop

def run(work):
    work.close()
    print(*sys.modules)
    return 0

uvloop.run = run
sys.argv[1:] = ["run"]
runpy.run_module("notification_operator", run_name="__main__")
"""


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """The modules of an operator that begins its work."""
    process = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, check=True)
    return set(process.stdout.split())


@pytest.mark.slow
def test_process_loads_the_asynchronous_client_only(loaded: set[str]) -> None:
    assert "kubernetes.aio.client.api_client" in loaded
    assert not loaded & {"kubernetes.config", "kubernetes.dynamic", "requests", "oauthlib"}


@pytest.mark.slow
def test_process_loads_no_library_of_a_channel_that_is_not_set_up(loaded: set[str]) -> None:
    assert not loaded & {"aiosmtplib", "apprise", "jinja2", "markdown_it", "markupsafe"}


@pytest.mark.slow
def test_process_loads_no_library_of_a_console(loaded: set[str]) -> None:
    assert "structlog.dev" in loaded
    assert not loaded & {"rich.console", "pygments"}


@pytest.mark.slow
def test_operator_loads_only_the_models_that_it_uses(loaded: set[str]) -> None:
    assert "notification_operator.app" in loaded
    assert sum(name.startswith("kubernetes.aio.client.models") for name in loaded) < FEW


def test_version_is_that_of_the_distribution() -> None:
    project = Path(__file__).parents[3] / "pyproject.toml"
    assert tomllib.loads(project.read_text("utf-8"))["project"]["version"] == __version__
