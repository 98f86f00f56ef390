"""The demonstration: notifications, receivers, and an inbox in the cluster that shows what arrives."""
