"""NotificationSource: who may send messages to the gateway, and how a message becomes a notification. Pure."""
