"""Write the OpenAPI document of the service, from which the types of the page are made.

python scripts/write_openapi.py && python scripts/build_page.py --types
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from placeprint import Atlas
from placeprint.service.app import create_app
from placeprint.service.settings import ServiceSettings

TARGET = Path(__file__).parents[1] / "web" / "openapi.json"


def document() -> str:
    """Return the document as it is committed; the version of the package is left out, so that it may change."""
    with tempfile.TemporaryDirectory() as folder:
        atlas = Path(folder) / "atlas"
        Atlas.create(atlas, "sift-vlad")
        found = create_app(ServiceSettings(atlas)).openapi()
    found["info"]["version"] = "1"
    return json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    TARGET.write_text(document(), encoding="utf-8")
    print(f"wrote {TARGET}")
