"""Places: where photos were taken, how certain that is, and which photos show the same place."""
