"""How many calls a destination gets at once, and when: breakers, pauses, rates, and slots that namespaces share."""
