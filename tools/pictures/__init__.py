"""Pictures of the documentation, drawn by the product from made-up notifications."""
