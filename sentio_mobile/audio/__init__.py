"""From an audio file to the picture that a model looks at."""
