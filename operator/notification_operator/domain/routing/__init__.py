"""Which channels a notification goes to. Pure."""
