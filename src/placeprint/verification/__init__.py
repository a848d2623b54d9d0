"""Matching and geometry: decide whether two photos show the same place."""
