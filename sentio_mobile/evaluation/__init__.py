"""How right models are on songs that they have not learnt from, where they fail, and what disturbs them."""
