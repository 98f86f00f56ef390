"""The gateway: stores each message that comes in over HTTP as a NotificationRequest. It delivers nothing and keeps no state."""
