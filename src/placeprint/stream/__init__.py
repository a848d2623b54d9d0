"""Loop closures in the frames of a camera, with a verified relative pose, in bounded memory and time."""

from placeprint.stream.loop_closer import Loop, LoopCloser, Seen
from placeprint.stream.relative_pose import RelativePose

__all__ = ["Loop", "LoopCloser", "RelativePose", "Seen"]
