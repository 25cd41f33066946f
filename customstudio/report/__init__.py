"""Reports of a run bundle: HTML, Markdown, LaTeX."""
