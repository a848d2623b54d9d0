"""Photo paths that are valid on another machine: relative to a root, with ``/`` between the parts."""

from __future__ import annotations

import os
from pathlib import Path

from placeprint.errors import AtlasFormatError, OptionError
from placeprint.store.path_text import path_to_text, text_to_path


def relative_text(path: str, root: Path) -> str:
    """Return the stored text of a path below a root.

    Raises:
        OptionError: it is not below the root.
    """
    base = str(root).rstrip(os.sep) + os.sep
    if not path.startswith(base):
        raise OptionError(f"the photo {path!r} is not below the root {str(root)!r}; name a folder above all photos")
    return path_to_text(path.removeprefix(base).replace(os.sep, "/"))


def absolute_text(text: str, root: Path) -> str:
    """Return the stored text of the path at a root on this machine.

    Raises:
        AtlasFormatError: the text is not a path below a root.
    """
    parts = text_to_path(text).split("/")
    if not text or any(part in {"", ".", ".."} for part in parts):
        raise AtlasFormatError(f"a photo has the path {text!r}, which is not below a root; make the pack again")
    return path_to_text(str(root.joinpath(*parts)))
