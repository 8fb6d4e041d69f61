"""Teachers: large models whose knowledge is distilled into a student."""
