"""The platform command: `tools/notif-platform --help`."""
