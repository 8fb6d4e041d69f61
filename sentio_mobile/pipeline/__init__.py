"""Whole runs: stage after stage, each continued where an earlier run stopped."""
