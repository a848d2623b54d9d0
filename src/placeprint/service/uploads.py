"""Photos in requests: read in memory, checked, and never written to disk unless they are added."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser

from placeprint.errors import PhotoError
from placeprint.photos import Photo, read_photo
from placeprint.service.problems import Refused

MAX_FILES, MAX_FIELDS, FIELD_BYTES = 20, 20, 4096
"""Files and other fields of one request, and bytes of such a field."""
NAME = 200
"""Characters of a file's name that are kept."""


class _InMemory(MultiPartParser):
    """Starlette's parser, whose files stay in memory: the size of a request is limited before."""

    spool_max_size = 1 << 62


@dataclass(frozen=True, eq=False)
class Upload:
    """One uploaded file.

    Args:
        name: what the client calls it; only shown, never used as a path.
        content: its bytes.
    """

    name: str
    content: bytes

    def photo(self) -> Photo:
        """Decode it.

        Raises:
            Refused: it is no photo that can be used.
        """
        try:
            return read_photo(self.content)
        except PhotoError as error:
            raise Refused(422, f"{self.name}: {error}") from error


@dataclass(frozen=True, eq=False)
class Form:
    """A multipart form.

    Args:
        files: the files by the name of their field.
        fields: the other fields.
    """

    files: dict[str, list[Upload]]
    fields: dict[str, str]

    def one(self, name: str) -> Upload:
        """Return the only file of a field.

        Raises:
            Refused: there is none, or there are several.
        """
        found = self.files.get(name, [])
        if len(found) != 1:
            raise Refused(422, f"the form must have one file called {name!r}, got {len(found)}")
        return found[0]


async def read_form(request: Request, files: Collection[str], fields: Collection[str] = ()) -> Form:
    """Read a multipart form.

    Args:
        request: the request.
        files: names of fields that hold files.
        fields: names of other fields.

    Raises:
        Refused: the body is no such form, or has fields of other names.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refused(415, "the body must be multipart/form-data with a photo")
    parser = _InMemory(request.headers, request.stream(), max_files=MAX_FILES, max_fields=MAX_FIELDS)
    try:
        form = await parser.parse()
    except (MultiPartException, MultipartParseError, KeyError, UnicodeDecodeError) as error:
        raise Refused(400, "the body is not a complete multipart form") from error
    try:
        return await _checked(form, files, fields)
    finally:
        await form.close()


async def _checked(form: FormData, files: Collection[str], fields: Collection[str]) -> Form:
    found = Form({}, {})
    for name, value in form.multi_items():
        if isinstance(value, str):
            _keep_field(found, name, value, fields)
        elif name in files:
            found.files.setdefault(name, []).append(Upload(_name(value), await value.read()))
        else:
            raise Refused(422, f"the form has a file called {_short(name)!r}; known ones: {', '.join(files)}")
    return found


def _keep_field(form: Form, name: str, value: str, known: Collection[str]) -> None:
    if name not in known:
        raise Refused(422, f"the form has a field {_short(name)!r}; known ones: {', '.join(known) or 'none'}")
    if len(value) > FIELD_BYTES:
        raise Refused(422, f"the field {name!r} may have up to {FIELD_BYTES} characters")
    form.fields[name] = value


def _name(value: Any) -> str:
    return _short(value.filename or "photo")


def _short(name: str) -> str:
    """Return the last part of a name that a client sent, in printable characters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(char if char.isprintable() else "?" for char in last)[:NAME] or "photo"
