"""After the training: which runs there are, and whether a bundle may take the place of another."""
