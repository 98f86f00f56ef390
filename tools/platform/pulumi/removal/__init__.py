"""The removal of a stack: what goes, where, and what keeps it."""
