"""Agreement between predictions and labels, with intervals. Numpy only; one implementation of each figure."""
