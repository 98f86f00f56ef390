"""The platform command: `python -m tools.platform --help`."""
