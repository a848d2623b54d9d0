"""The atlas on disk."""

from placeprint.store.encoding import decode_features, decode_rows, encode_features, encode_rows
from placeprint.store.manifest import FILE_NAME, FORMAT, Manifest
from placeprint.store.records import PhotoRecord
from placeprint.store.snapshot import Snapshot
from placeprint.store.store import Store

__all__ = [
    "FILE_NAME",
    "FORMAT",
    "Manifest",
    "PhotoRecord",
    "Snapshot",
    "Store",
    "decode_features",
    "decode_rows",
    "encode_features",
    "encode_rows",
]
