"""The objects of a stack as YAML, for clusters that others than Pulumi deploy to."""
