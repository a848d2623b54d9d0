"""The words of a foreign exception in one line, for the messages of our own errors."""

from __future__ import annotations


def one_line(error: BaseException, most: int = 120) -> str:
    r"""Return what an exception says, in one line of at most ``most`` characters; its type where it says nothing.

    Example:
        >>> one_line(ValueError("two\n  lines")), one_line(KeyError())
        ('two lines', 'KeyError')
    """
    return " ".join(str(error).split())[:most] or type(error).__name__
