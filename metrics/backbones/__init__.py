"""The networks behind the features: one file each."""
