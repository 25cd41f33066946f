"""Base models: what each is, where its files are, how it is loaded and sampled from."""
