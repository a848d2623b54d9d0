"""Models from the photos of an atlas, and photos located in models: pairs, COLMAP databases, hloc files, poses.

pycolmap maps and estimates poses; this room provides pairs, matches and positions. Coordinates of placeprint's
keypoints start at the center of the first pixel, those of COLMAP at its corner, so `PIXEL` is added on export.
"""

PIXEL = 0.5
"""What COLMAP's coordinates are more than ours."""
