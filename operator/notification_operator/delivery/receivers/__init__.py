"""Receivers at work: from a NotificationReceiver and its Secrets to a channel."""
