"""Admission policies: what the API server accepts as a notification, and from whom it accepts a status."""
