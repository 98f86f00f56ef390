"""Which finished notifications are sent again, and as what. Pure."""
