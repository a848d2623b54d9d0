"""The data that flows between stages, and the interface of every stage.

Conventions, for the whole package:

- An image is ``(H, W, 3)`` uint8, RGB, after the EXIF rotation. A mask is ``(H, W)`` bool, True where features may be.
- A point is ``(x, y)`` in pixels of the photo as read; ``(0, 0)`` is the *center* of the top-left pixel.
- Sizes are ``(width, height)``; only array shapes are ``(H, W)``.
- Stages exchange NumPy arrays. Torch stays inside a stage.
- A local descriptor is a float32 row of unit length. A binary descriptor of b bits is a row of ``±1 / sqrt(b)``: the
  cosine of two is ``1 - 2 h / b`` for their Hamming distance h, and later stages need not distinguish the two kinds.
- A global descriptor is a float32 row of unit length; a photo without features has the zero vector.
- A score is a similarity: higher is better, everywhere.
- Rotations of a photo are in degrees counter-clockwise; the angle of a keypoint is in degrees from the x to the y axis,
  which is clockwise on the screen.
"""

from placeprint.types.answers import NO_KEYPOINTS, Answer, Evidence, KnownPlace, Located, Location
from placeprint.types.data import (
    LARGEST_SCORE,
    Floats,
    Ids,
    Image,
    LocalFeatures,
    Mask,
    Matches,
    PictureMatches,
    Ranking,
    Verification,
)
from placeprint.types.poses import Pose
from placeprint.types.stages import (
    Aggregator,
    Extractor,
    Index,
    Matcher,
    PhotoFeatures,
    PictureMatcher,
    Progress,
    Verifier,
    Voter,
    Whitener,
)

__all__ = [
    "LARGEST_SCORE",
    "NO_KEYPOINTS",
    "Aggregator",
    "Answer",
    "Evidence",
    "Extractor",
    "Floats",
    "Ids",
    "Image",
    "Index",
    "KnownPlace",
    "LocalFeatures",
    "Located",
    "Location",
    "Mask",
    "Matcher",
    "Matches",
    "PhotoFeatures",
    "PictureMatcher",
    "PictureMatches",
    "Pose",
    "Progress",
    "Ranking",
    "Verification",
    "Verifier",
    "Voter",
    "Whitener",
]
