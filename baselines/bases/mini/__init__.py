"""Mini twins of base models: diffusers' own classes at small width, trained on the mini world."""
