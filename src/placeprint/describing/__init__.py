"""Photos in, features and descriptors out: one photo, many photos, and presets learned for them."""
