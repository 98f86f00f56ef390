"""What is known of NotificationSources: their specs, their Secrets, their limits, and their status."""
