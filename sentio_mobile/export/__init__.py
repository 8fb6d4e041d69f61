"""Checkpoints become artifacts that other runtimes load; each is proved against PyTorch."""
