"""What an operator pod must not carry: the generated models of every Kubernetes kind."""

import subprocess
import sys

MODELS = """
import sys
import notification_operator.main
print(sum(name.startswith("kubernetes.aio.client.models") for name in sys.modules))
"""
FEW = 5
"""That of the API server's version, and what it is made of; all of them are more than seven hundred."""


def test_the_operator_loads_only_the_few_models_that_it_uses() -> None:
    loaded = subprocess.run([sys.executable, "-c", MODELS], capture_output=True, text=True, check=True)
    assert int(loaded.stdout) < FEW
