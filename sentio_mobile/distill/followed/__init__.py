"""Who a student follows: a network, predictions in a file, or nobody. One file for each kind."""
