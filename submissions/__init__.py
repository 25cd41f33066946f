"""Submissions: their records, the gate that checks them, and the store that keeps them."""
