"""Photos and places for maps and viewers: GeoJSON (RFC 7946) and KML (OGC 2.3).

The GeoJSON has one feature for each photo, whose ``filename`` is its whole path. So FiftyOne reads the file as a
``GeoJSONDataset``, with the other properties as fields. A photo without a position has no geometry, which RFC 7946
allows. KML has photos and places with a position, in two folders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from placeprint.core.geojson import feature
from placeprint.core.geojson import geojson_text as geojson_of
from placeprint.core.outputs import MADE_BY
from placeprint.places.grouping import PlaceGroup
from placeprint.store import PhotoRecord
from placeprint.store.path_text import path_to_text

DECIMALS = 8
"""Of degrees: a millimeter."""
Photos = Mapping[int, PhotoRecord]


def geojson_text(photos: Photos, places: Sequence[PlaceGroup] = ()) -> str:
    """Return photos as GeoJSON.

    Args:
        photos: by id.
        places: gives each photo the properties ``place`` and ``place_id``.
    """
    of_photo = {number: place for place in places for number in place.photos}
    features = [_feature(record, of_photo.get(number)) for number, record in photos.items()]
    return geojson_of(features)


def kml_text(photos: Photos, places: Sequence[PlaceGroup] = ()) -> str:
    """Return photos, and places, as KML; those without a position are skipped.

    Args:
        photos: by id.
        places: of the photos.
    """
    root = ElementTree.Element("kml", xmlns="http://www.opengis.net/kml/2.3")
    document = ElementTree.SubElement(root, "Document")
    _text(document, "name", "photos")
    _text(document, "description", MADE_BY)
    folder = _folder(document, "photos")
    for record in photos.values():
        if record.location is not None:
            mark = _mark(folder, _name(record), record.location)
            if record.taken is not None:
                _text(ElementTree.SubElement(mark, "TimeStamp"), "when", record.taken.isoformat(timespec="seconds"))
    if places:
        folder = _folder(document, "places")
        for place in places:
            if place.location is not None:
                mark = _mark(folder, _printable(place.label), place.location)
                _text(mark, "description", f"{len(place.photos)} photos")
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _feature(record: PhotoRecord, place: PlaceGroup | None) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "filename": path_to_text(record.path),
        "photo_id": record.id,
        "width": record.width,
        "height": record.height,
    }
    if record.taken is not None:
        properties["taken"] = record.taken.isoformat(timespec="seconds")
    if place is not None:
        properties |= {"place": place.label, "place_id": place.id}
    return feature(record.location, properties, DECIMALS)


def _folder(document: ElementTree.Element, name: str) -> ElementTree.Element:
    folder = ElementTree.SubElement(document, "Folder")
    _text(folder, "name", name)
    return folder


def _mark(folder: ElementTree.Element, name: str, location: tuple[float, float]) -> ElementTree.Element:
    mark = ElementTree.SubElement(folder, "Placemark")
    _text(mark, "name", name)
    latitude, longitude = location
    point = ElementTree.SubElement(mark, "Point")
    _text(point, "coordinates", f"{longitude:.{DECIMALS}f},{latitude:.{DECIMALS}f}")
    return mark


def _text(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text


def _name(record: PhotoRecord) -> str:
    return _printable(record.path.replace("\\", "/").rpartition("/")[2])


def _printable(text: str) -> str:
    """Return a text that XML may have: control characters and bytes that are not UTF-8 become question marks."""
    return "".join(char if char.isprintable() else "?" for char in text)
