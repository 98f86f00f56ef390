"""The hypothesis profile of all tests."""

from hypothesis import settings

# A slow example on a busy machine is no failure.
settings.register_profile("notification-platform", deadline=None)
settings.load_profile("notification-platform")
