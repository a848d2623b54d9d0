"""Folders of this computer that clients may name: those below the allowed ones, with links resolved."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request

from placeprint.photos import find_photos
from placeprint.service.asking import PROBLEMS
from placeprint.service.desk import Desk
from placeprint.service.problems import Refused
from placeprint.service.schemas import FolderChoice, Folders
from placeprint.service.settings import ServiceSettings, readable

router = APIRouter(prefix="/v1/folders", tags=["jobs"])
LISTED = 1000
"""Folders that are listed."""


@dataclass(frozen=True)
class AllowedFolder:
    """A folder that clients may name.

    Args:
        path: of the folder, with links resolved.
        root: the allowed folder that it is in, with links resolved.
    """

    path: Path
    root: Path

    def photos(self) -> list[Path]:
        """Return the photos in it; those that links lead to outside of the root are skipped."""
        return [path for path in find_photos(self.path) if self._inside(path)]

    def folders(self) -> list[str]:
        """Return the names of the folders in it, sorted; links out of the root and hidden ones are skipped."""
        with os.scandir(self.path) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
        return [name for name in names[:LISTED] if self._inside(self.path / name)]

    def _inside(self, path: Path) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(self.root)


@router.get("", responses=PROBLEMS)
async def folders(
    request: Request,
    root: Annotated[str, Query(max_length=255, description="The name of an allowed folder; empty for the first.")] = "",
    folder: Annotated[str, Query(max_length=4096, description="A folder below it; empty for the root itself.")] = "",
) -> Folders:
    """List the folders in a folder that the service may read."""
    desk: Desk = request.app.state.desk
    wanted = FolderChoice(root=root, folder=folder)
    found = await desk.read(lambda: allowed_folder(desk.settings, wanted).folders())
    return Folders(folders=[readable(name) for name in found])


def allowed_folder(settings: ServiceSettings, wanted: FolderChoice) -> AllowedFolder:
    """Return a folder that may be read, with its links resolved.

    Raises:
        Refused: it is not inside the allowed folder, or there is none.
    """
    roots = settings.named_roots
    chosen = next(iter(roots.values()), None) if not wanted.root else roots.get(wanted.root)
    if chosen is None:
        raise Refused(
            422, f"root must be the name of a folder allowed by --root: {', '.join(roots) or 'there is none'}"
        )
    try:
        root = chosen.resolve(strict=True)
        folder = (root / wanted.folder).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise Refused(404, "there is no such folder below the allowed one") from None
    if not folder.is_relative_to(root) or not folder.is_dir():
        raise Refused(404, "there is no such folder below the allowed one")
    return AllowedFolder(folder, root)
