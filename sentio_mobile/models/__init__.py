"""Network architectures, the blocks they share, and checkpoints."""
