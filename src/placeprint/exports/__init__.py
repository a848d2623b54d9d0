"""Files for other programs: descriptors of an atlas as Parquet or FAISS, photos and places as GeoJSON or KML."""

FORMS = {".parquet": "parquet", ".faiss": "faiss", ".geojson": "geojson", ".json": "geojson", ".kml": "kml"}
"""Formats by the suffix of the file."""
