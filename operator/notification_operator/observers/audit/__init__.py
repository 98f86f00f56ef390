"""The audit trail: events of what writes recorded, on their way to the audit store (DD-AUDIT-001)."""
