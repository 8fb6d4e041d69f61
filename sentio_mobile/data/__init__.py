"""Data: from labelled music on disk to arrays for training and evaluation."""
