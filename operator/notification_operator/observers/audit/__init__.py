"""Audit events: from status writes to the audit store (DD-AUDIT-001)."""
