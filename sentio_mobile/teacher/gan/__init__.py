"""The generative network: train it, keep it, judge it, and hear what it makes."""
