"""Executes saved Core ML files where there is no Core ML: readers of the files, and each operation in numpy."""
