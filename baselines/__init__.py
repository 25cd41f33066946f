"""Reference implementations of customization methods, one file each."""
