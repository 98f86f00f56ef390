"""What holds for all tests: the hypothesis profile, and that the programs they start can be interrupted."""

import signal

from hypothesis import settings

from tests.cases import cases

# A slow example on a busy machine is no failure.
settings.register_profile("notification-platform", deadline=None, max_examples=cases(100))
settings.load_profile("notification-platform")

# A shell ignores SIGINT in what it starts in the background, and every program below inherits that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
