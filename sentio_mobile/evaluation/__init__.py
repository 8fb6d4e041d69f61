"""How accurate models are on songs that they were not trained on, where they fail, and how robust they are."""
