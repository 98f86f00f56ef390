"""Monitoring of the operator: metrics collection, alert rules, dashboard."""
