"""The operator image."""
