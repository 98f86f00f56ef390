"""Lets `python -m notification_operator` do what the command does."""

from notification_operator.cli import app

app()
