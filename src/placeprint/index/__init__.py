"""Nearest rows of global descriptors: one file a kind of index."""
