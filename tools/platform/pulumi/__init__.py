"""The Pulumi engine as the commands use it."""
