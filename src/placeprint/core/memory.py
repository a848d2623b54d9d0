"""Convert the out-of-memory errors of NumPy, OpenCV and Torch into one error."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from placeprint.errors import NotEnoughMemoryError


@contextlib.contextmanager
def enough_memory() -> Iterator[None]:
    """Turn the out-of-memory errors of libraries into ours; other errors pass.

    Raises:
        NotEnoughMemoryError: there was not enough memory.

    Example:
        >>> with enough_memory():
        ...     raise MemoryError
        Traceback (most recent call last):
        placeprint.errors.NotEnoughMemoryError: not enough memory for this; lower size or max_keypoints
    """
    try:
        yield
    except NotEnoughMemoryError:
        raise
    except Exception as error:
        if not _is_about_memory(error):
            raise
        raise NotEnoughMemoryError("not enough memory for this; lower size or max_keypoints") from error


def _is_about_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    # Torch raises a RuntimeError, OpenCV its own error with code -4
    return any(words in text for words in ("allocate memory", "out of memory", "insufficient memory"))
