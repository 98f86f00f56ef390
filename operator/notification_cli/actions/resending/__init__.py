"""Sends finished notifications again."""
