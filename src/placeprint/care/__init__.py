"""The care of an atlas: check that it is what was written, and repair what follows from the rest."""
