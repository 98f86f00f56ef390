"""Slack: incoming webhooks and the bot token."""
