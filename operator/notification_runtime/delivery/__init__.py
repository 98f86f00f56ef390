"""Delivery: from a planned attempt to its recorded result."""
