"""Make the outline of the world's land that maps of pages show.

    npm pack world-atlas@2 && tar xzf world-atlas-2.0.2.tgz
    python scripts/make_land.py package/land-110m.json

The file is TopoJSON of Natural Earth's 1:110 million land (public domain), as the npm package `world-atlas` (ISC) has
it. It is decoded to one GeoJSON MultiPolygon, in hundredths of a degree. Polygons across the date line run on beyond
180 degrees, so a map draws them without a cut.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "src" / "placeprint" / "pages" / "outlines" / "land.json"
Line = list[tuple[float, float]]


def decoded(topology: dict[str, Any]) -> list[Line]:
    """Return the arcs of a topology in degrees (longitude, latitude): sums of steps, scaled and moved."""
    (scale_x, scale_y), (move_x, move_y) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for steps in topology["arcs"]:
        x = y = 0
        line: Line = []
        for right, up in steps:
            x, y = x + right, y + up
            line.append((round(x * scale_x + move_x, 2), round(y * scale_y + move_y, 2)))
        arcs.append(line)
    return arcs


def ring_of(numbers: list[int], arcs: list[Line]) -> Line:
    """Return a closed ring; arc ``~n`` is arc ``n`` backwards, and arcs share their ends."""
    ring: Line = []
    for number in numbers:
        arc = arcs[number] if number >= 0 else arcs[~number][::-1]
        ring += arc[1:] if ring else arc
    return ring


def unrolled(ring: Line) -> Line:
    """Return a ring whose longitudes run on across the date line; one around the pole is closed along 90 degrees south.

    Its middle is between -180 and 180 degrees.

    Args:
        ring: closed, in degrees from -180 to 180.
    """
    line = ring[:1]
    for longitude, latitude in ring[1:]:
        before = line[-1][0]
        line.append((round(before + (longitude - before + 180) % 360 - 180, 2), latitude))
    if abs(line[-1][0] - line[0][0]) > 180:
        line += [(line[-1][0], -90.0), (line[0][0], -90.0), line[0]]
    middle = (min(x for x, _ in line) + max(x for x, _ in line)) / 2
    shift = 360 * ((middle + 180) // 360)
    return [(round(x - shift, 2), y) for x, y in line]


def main() -> None:
    topology = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    arcs = decoded(topology)
    polygons = [
        [unrolled(ring_of(numbers, arcs)) for numbers in polygon]
        for shape in topology["objects"]["land"]["geometries"]
        for polygon in shape["arcs"]
    ]
    land = {
        "type": "MultiPolygon",
        "source": "Natural Earth 1:110m land, public domain, from the npm package world-atlas 2.0.2",
        "coordinates": polygons,
    }
    TARGET.write_text(json.dumps(land, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{TARGET}: {len(polygons)} polygons, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
