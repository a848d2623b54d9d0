"""Old names of arguments and attributes: they work for one version more, with a warning that says the new name."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def renamed_arguments(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function take keyword arguments under their old names.

    Args:
        names: the new name of each old one.

    Example:
        >>> import warnings
        >>> @renamed_arguments(turns="rotations")
        ... def look(*, rotations: bool = True) -> bool:
        ...     return rotations
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     look(turns=False)
        False
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            given: dict[str, Any] = dict(kwargs)
            for old in names.keys() & given.keys():
                if names[old] in given:
                    raise TypeError(f"{function.__name__}() got both {names[old]!r} and {old!r}, its old name")
                _warn(f"the argument {old!r} of {function.__name__}", names[old])
                given[names[old]] = given.pop(old)
            return function(*args, **given)

        return call

    return decorate


def renamed_attribute(old: str, new: str) -> Any:
    """Return a property that gives an attribute under its old name."""

    def read(self: Any) -> Any:
        _warn(f"{type(self).__name__}.{old}", new)
        return getattr(self, new)

    return property(read, doc=f"The old name of `{new}`.")


def _warn(what: str, new: str) -> None:
    warnings.warn(f"{what} is now called {new!r}; the old name works in this version", DeprecationWarning, stacklevel=3)
