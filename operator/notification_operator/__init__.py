"""The notification operator: delivers NotificationRequests and records the outcome in their status."""
