"""The scenarios, by the part that fails."""
