"""Videos and images in, exact pixels out."""
