"""Probes: small regressors on an encoder's embeddings, as a teacher."""
