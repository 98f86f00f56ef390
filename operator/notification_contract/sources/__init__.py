"""NotificationSource: who may send messages to the gateway, and what notification each message becomes. Pure."""
