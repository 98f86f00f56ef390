"""Which attempts are due: the progress of each target, backoff, holds and fallbacks. Pure."""
