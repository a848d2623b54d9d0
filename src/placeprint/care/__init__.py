"""The care of an atlas: check that it is intact, and repair whatever can be computed from the rest."""
