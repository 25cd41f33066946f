"""Text on primary buttons: Streamlit writes white on any colour, which is pale on a light one."""

ON_LIGHT, ON_DARK = "#ffffff", "#14171b"
"""Text on the primary colour of the light theme and of the dark one."""
STYLE = f"""
.stApp button[data-testid^="stBaseButton-primary"] {{ color: light-dark({ON_LIGHT}, {ON_DARK}); }}
"""
