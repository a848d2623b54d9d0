"""Find the nearest rows of global descriptors: one file per kind of index."""
