"""From labelled music on disk to arrays that a model can learn from."""
