"""Preview stacks."""
