"""Preview stacks: values, cluster access and operations."""
