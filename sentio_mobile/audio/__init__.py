"""The front end: from an audio file to the image that a model takes in."""
