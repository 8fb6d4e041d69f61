"""Evaluation of generated log-mels: how they look beside real ones, and what looks do not show."""
