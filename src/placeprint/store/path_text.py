"""Store paths as text that any table accepts.

A path on Linux is bytes, and old archives have names that are not UTF-8. Python reads such a byte as half of a
surrogate pair, which UTF-8 cannot write. It is stored as NUL and four hexadecimal digits. No path contains a NUL, so
the text is unambiguous, and every other path is stored unchanged.
"""

from __future__ import annotations

import re

_SURROGATE = re.compile("[\ud800-\udfff]")
_STORED = re.compile("\0([0-9a-f]{4})")


def path_to_text(path: str) -> str:
    r"""Return the stored text of a path.

    Example:
        >>> path_to_text("caf\udce9.jpg"), text_to_path(path_to_text("caf\udce9.jpg")) == "caf\udce9.jpg"
        ('caf\x00dce9.jpg', True)
    """
    return _SURROGATE.sub(lambda found: f"\0{ord(found[0]):04x}", path)


def text_to_path(text: str) -> str:
    """Return the path of a stored text."""
    return _STORED.sub(lambda found: chr(int(found[1], 16)), text)
