"""Checks of a prepared data folder."""
