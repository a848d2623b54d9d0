"""Read photos: find, open and decode them upright, read where and when they were taken, resize and rotate them.

`walking` lists the photos in files and folders, `opening` opens one without trusting it, `decoding` makes pixels from
it, `samples` converts pixel values of any type to 8 bits, `exif` reads what the camera wrote, and `reading` joins them.
`pixels` resizes, crops, rotates and trims pictures. `masks` reads masks.
"""

from placeprint.photos.decoding import MAX_PIXELS, MIN_SIDE
from placeprint.photos.formats import SUFFIXES
from placeprint.photos.pixels import crop_image, resize, rotate_image, rotation_matrix, trim_border
from placeprint.photos.reading import Photo, Picture, as_image, read_camera_data, read_image, read_photo
from placeprint.photos.walking import PhotoList, Skipped, find_photos, list_photos, normalized, scan_photos

__all__ = [
    "MAX_PIXELS",
    "MIN_SIDE",
    "SUFFIXES",
    "Photo",
    "PhotoList",
    "Picture",
    "Skipped",
    "as_image",
    "crop_image",
    "find_photos",
    "list_photos",
    "normalized",
    "read_camera_data",
    "read_image",
    "read_photo",
    "resize",
    "rotate_image",
    "rotation_matrix",
    "scan_photos",
    "trim_border",
]
