"""Describe photos: one photo, many photos, and presets learned for them."""
