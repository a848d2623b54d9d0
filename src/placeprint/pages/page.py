"""Render a page and write it: one HTML file that loads nothing.

A page is a Jinja2 template that extends ``base.html.j2``. All values are escaped, so a file name cannot become markup.
Scripts are files of the folder ``static``. The page's security policy allows only these, by their sha256: no other
scripts, and nothing from a network.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from placeprint.core.files import write_atomically
from placeprint.core.outputs import PAGE, check_output
from placeprint.errors import OptionError, PackageError
from placeprint.version import __version__

ROOM = "placeprint.pages"
SUFFIXES = (".html", ".htm")
SURROGATES = re.compile("[\ud800-\udfff]")
"""What Python makes of bytes of a file name that are not UTF-8; a page cannot hold them."""


def check_packages() -> None:
    """Check, before any work, that a page can be made.

    Raises:
        PackageError: Jinja2 is not installed.
    """
    if importlib.util.find_spec("jinja2") is None:
        raise PackageError("a page needs jinja2; pip install 'placeprint[reports]'")


def check_page(path: Path, inputs: Iterable[Path | str | None] = ()) -> None:
    """Check, before any work, that a page can be made and written.

    Args:
        path: the path of the page.
        inputs: files and folders that are read; None entries are ignored.

    Raises:
        PackageError: Jinja2 is not installed.
        OptionError: the name does not end in .html.
        WriteError: the path has something else, or cannot be written.
    """
    check_packages()
    if path.suffix.lower() not in SUFFIXES and not path.as_posix().startswith("/dev/"):
        raise OptionError(f"a page's name must end in .html, got {path.name!r}")
    check_output(path, PAGE, inputs)


def render(template: str, *, room: str = ROOM, scripts: Sequence[str] = (), **context: object) -> str:
    """Return a page.

    Args:
        template: the name of a template in the folder ``templates`` of a room; it extends ``base.html.j2``.
        room: the package of the template, such as ``"placeprint.places"``.
        scripts: names of files in the folder ``static`` of the room, or of this one, such as ``"slider.js"``.
        context: values of the template; ``title`` is the title of the page.

    Raises:
        PackageError: Jinja2 is not installed.
    """
    check_packages()
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(each) for each in dict.fromkeys((room, ROOM))]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    sources = [_static(name, room) for name in scripts]
    page = environment.get_template(template).render(
        css=Markup(_static("page.css", ROOM)),  # our own files
        scripts=[Markup(source) for source in sources],
        policy=_policy(sources),
        version=__version__,
        **context,
    )
    return SURROGATES.sub(_escaped, page)


def write_page(
    path: Path,
    template: str,
    *,
    room: str = ROOM,
    scripts: Sequence[str] = (),
    inputs: Iterable[Path | str | None] = (),
    **context: object,
) -> None:
    """Render a page and write it whole; arguments and errors are those of `render` and `check_page`."""
    check_page(path, inputs)
    write_atomically(path, render(template, room=room, scripts=scripts, **context).encode())


def _static(name: str, room: str) -> str:
    """Return the text of a file of a room's folder ``static``, or of this room's if that has none."""
    own = files(room) / "static" / name
    return (own if own.is_file() else files(ROOM) / "static" / name).read_text(encoding="utf-8")


def _policy(scripts: Iterable[str]) -> str:
    """Return the content security policy: pictures in the page, its styles, and its scripts by their hashes."""
    digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src {allowed}; base-uri 'none'; form-action 'none'"
    )


def _escaped(found: re.Match[str]) -> str:
    return f"\\x{ord(found[0]) & 0xFF:02x}"
