"""What a file asks its runtime to do, read without running it, and the list of what files may ask for."""
