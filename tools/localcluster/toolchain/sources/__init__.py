"""Where the programs come from: pins, and the places that have them."""
