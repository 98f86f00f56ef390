"""Texts of the status: timestamps and error messages. Pure."""
