"""Readers of data sets by their layouts, found from the root however archives were unpacked; one file each."""
