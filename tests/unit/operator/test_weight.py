"""What an operator pod must not carry: the generated models of every Kubernetes kind."""

import subprocess
import sys

MODELS = """
import sys
import notification_operator.kopf_app
print(sum(name.startswith("kubernetes.aio.client.models") for name in sys.modules))
"""
FEW = 5
"""That of the API server's version, and what it is made of; all of them are more than seven hundred."""


RUN = """
import sys, uvloop
from notification_operator import cli

def run(work):
    work.close()
    print(*sys.modules)
    return 0

uvloop.run = run
sys.argv[1:] = ["run"]
cli.app()
"""


def test_the_process_loads_the_asynchronous_client_and_not_the_synchronous_one_beside_it() -> None:
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "kubernetes.aio.client.api_client" in loaded
    assert not loaded & {"kubernetes.config", "kubernetes.dynamic", "requests", "oauthlib"}


def test_the_operator_loads_only_the_few_models_that_it_uses() -> None:
    loaded = subprocess.run([sys.executable, "-c", MODELS], capture_output=True, text=True, check=True)
    assert int(loaded.stdout) < FEW
