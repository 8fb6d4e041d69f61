"""The public functions, one a step. Each imports what takes long when it is called."""
