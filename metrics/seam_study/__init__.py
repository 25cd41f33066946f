"""How the seam detector of the stitch score was fitted, and how often it is right."""
