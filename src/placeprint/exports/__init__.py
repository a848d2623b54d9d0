"""What an atlas knows, in files for other programs: descriptors as Parquet or FAISS, photos as GeoJSON or KML."""

FORMS = {".parquet": "parquet", ".faiss": "faiss", ".geojson": "geojson", ".json": "geojson", ".kml": "kml"}
"""Formats by the suffix of the file."""
