"""The notification operator: delivers NotificationRequests and keeps what happened in their status."""
