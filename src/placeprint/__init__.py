"""Show it a photo: it says which place it shows, and proves it with verified point matches.

Example:
    >>> import placeprint
    >>> placeprint.Atlas.__name__
    'Atlas'
"""

from typing import TYPE_CHECKING, Any

from placeprint import moved_modules
from placeprint.version import __version__

if TYPE_CHECKING:
    from placeprint.atlas import Atlas
    from placeprint.pairs import match
    from placeprint.store.photo_filter import PhotoFilter

__all__ = ["Atlas", "PhotoFilter", "__version__", "match"]

moved_modules.install()


def __getattr__(name: str) -> Any:
    """Load `Atlas`, `PhotoFilter` and `match` on first use, so that importing the package stays fast."""
    if name == "Atlas":
        from placeprint.atlas import Atlas

        return Atlas
    if name == "match":
        from placeprint.pairs import match

        return match
    if name == "PhotoFilter":
        from placeprint.store.photo_filter import PhotoFilter

        return PhotoFilter
    raise AttributeError(f"module 'placeprint' has no attribute {name!r}")
