"""What is in a prepared folder, and whether anything in it would spoil a result."""
