"""Bundles in the Hugging Face hub."""
