"""The atlas on disk."""

from placeprint.store.encoding import decode_features, decode_rows, encode_features, encode_rows
from placeprint.store.manifest import FILE_NAME, FORMAT, Manifest
from placeprint.store.records import PhotoRecord
from placeprint.store.store import Store
from placeprint.store.store_snapshot import StoreSnapshot
from placeprint.store.stored_photos import StoredPhotos

__all__ = [
    "FILE_NAME",
    "FORMAT",
    "Manifest",
    "PhotoRecord",
    "Store",
    "StoreSnapshot",
    "StoredPhotos",
    "decode_features",
    "decode_rows",
    "encode_features",
    "encode_rows",
]
