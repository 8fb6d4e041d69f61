"""One class a format: convert a network, open an artifact, read what a file keeps."""
