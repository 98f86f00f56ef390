"""What holds for all tests: the hypothesis profile, the log, garbage collection, and that programs can be interrupted."""

import gc
import signal
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

from tests.cases import cases

# A slow example on a busy machine is no failure.
settings.register_profile("notification-platform", deadline=None, max_examples=cases(100))
settings.load_profile("notification-platform")

# The frames of an exception in color take longer than most tests.
*processors, _ = structlog.get_config()["processors"]
plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*processors, plain])

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
