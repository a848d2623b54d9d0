"""The atlas on disk."""

from placeprint.store.encoding import decode_features, decode_rows, encode_features, encode_rows
from placeprint.store.manifest import FILE_NAME, FORMAT, Manifest
from placeprint.store.store import PhotoRecord, Store

__all__ = [
    "FILE_NAME",
    "FORMAT",
    "Manifest",
    "PhotoRecord",
    "Store",
    "decode_features",
    "decode_rows",
    "encode_features",
    "encode_rows",
]
