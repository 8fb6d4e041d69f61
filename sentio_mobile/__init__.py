"""Train, distill, export and prove music-emotion models for phones."""

__version__ = "0.1.0"
