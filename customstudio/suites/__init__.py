"""Suites: what is to be made and scored."""
