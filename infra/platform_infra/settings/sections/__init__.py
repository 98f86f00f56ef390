"""The sections of a stack's settings, as typed values. Pure."""
