"""Redaction: secrets are removed from every text that leaves the operator. Pure."""
