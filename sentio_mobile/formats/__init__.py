"""File formats: one class each, which converts a network, opens an artifact, and counts the numbers in a file."""
