"""A bundle on disk: manifest, golden vectors, parity, accuracy, model card, signature."""
