"""How fast, how large and how right a bundle is, and the report that says so."""
