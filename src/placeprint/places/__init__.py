"""Places: where photos are on the map, how sure that is, and which photos show the same place."""
