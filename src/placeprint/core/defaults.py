"""Defaults for users who do not choose."""

PRESET = "balanced"
"""The preset of new atlases and of measurements: the most recall for the time of three networks."""
