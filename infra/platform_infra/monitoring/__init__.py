"""What watches the operator: where its metrics are found, alert rules, a dashboard."""
