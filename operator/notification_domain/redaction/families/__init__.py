"""The redaction rules, one family per module."""
