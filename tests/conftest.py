"""What holds for all tests: the hypothesis profile, garbage collection, and that the programs they start can be interrupted."""

import gc
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.cases import cases

# A slow example on a busy machine is no failure.
settings.register_profile("notification-platform", deadline=None, max_examples=cases(100))
settings.load_profile("notification-platform")

# A shell ignores SIGINT in what it starts in the background, and every program below inherits that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Let the garbage collector leave out modules and tests, which stay: it would go through them again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
