"""The large model that knows most."""
