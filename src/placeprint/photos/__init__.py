"""Photos in: find them, open them, decode them upright, read where and when they were taken.

`walking` lists the photos of files and folders, `files` opens one without trusting it, `decoding` turns it into pixels,
`samples` turns pixel values of any type into 8 bits, `exif` reads what the camera wrote, and `reading` joins them.
"""

from placeprint.photos.reading import Photo, Picture, as_image, read_image, read_photo
from placeprint.photos.walking import PhotoList, Skipped, find_photos, list_photos, normalized, scan_photos

__all__ = [
    "Photo",
    "PhotoList",
    "Picture",
    "Skipped",
    "as_image",
    "find_photos",
    "list_photos",
    "normalized",
    "read_image",
    "read_photo",
    "scan_photos",
]
