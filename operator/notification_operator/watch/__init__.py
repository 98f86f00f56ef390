"""Watches: from API server events to keys in the work queue, and to the rules in force."""
