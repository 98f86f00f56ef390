"""How hypothesis runs here."""

from hypothesis import settings

# A test that is slow on a busy machine is not a wrong one.
settings.register_profile("notification-platform", deadline=None)
settings.load_profile("notification-platform")
