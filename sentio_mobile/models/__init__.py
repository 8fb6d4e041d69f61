"""The networks, and the blocks that they share."""
