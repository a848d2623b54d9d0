"""Models from the photos of an atlas, and photos located in models: pairs, COLMAP databases, hloc files, poses.

pycolmap maps and estimates poses; this room gives it pairs, matches and positions. Pixels: placeprint's keypoints count
from the center of the first pixel, COLMAP's from its corner, so `PIXEL` is added on the way out.
"""

PIXEL = 0.5
"""What COLMAP's coordinates are more than ours."""
