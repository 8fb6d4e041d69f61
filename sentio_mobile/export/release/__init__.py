"""What giving a bundle out needs: its card, a signature, and what is new in it."""
