"""What generated spectrograms are worth: how they look beside real ones, and what a look does not show."""
