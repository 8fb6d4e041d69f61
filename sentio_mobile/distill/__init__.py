"""Passing on what a teacher knows to a student that fits a phone."""
