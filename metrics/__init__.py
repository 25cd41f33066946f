"""The metrics: one file each, declared in `catalog`; pure functions of features."""
