"""Numbers as papers print them, each with its source: never ranked, never beside measured ones."""
