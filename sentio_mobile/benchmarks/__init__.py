"""How fast, how large and how accurate the models of a bundle are, and the report about it."""
