"""Check the parameters of components, recipes, presets, protocols and functions.

An annotation says both the type and what is allowed::

    @checked
    @dataclass(kw_only=True)
    class Sharpen:
        strength: Annotated[float, Range(0, 10)] = 1.0
        rounds: Annotated[int, Range(1, 100)] = 1
        kind: Annotated[str, OneOf("soft", "hard")] = "soft"

`checked` wraps a class or function, so each value is checked before anything is made. `table_reading` reads tables of
files with the same annotations, and knows the names as well.

- A number is never a bool or a string. A whole number passes for a `float`; 3.0 does not pass for an `int`.
- NumPy's scalars become Python's, lists become tuples where a tuple is meant, and -0.0 becomes 0.0.
- NaN is always refused, infinity unless the range ends there.
- Arguments of other types (arrays, paths, sequences, callbacks) are left alone.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import inspect
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import numpy as np

from placeprint.errors import OptionError

Made = TypeVar("Made", bound=Callable[..., Any])

MOST_SHOWN = 60
"""Most characters of a wrong value in a message."""
_WRONG = object()


@dataclass(frozen=True)
class Range:
    """A range of allowed numbers.

    Args:
        least: the smallest allowed number.
        most: the largest allowed number.
        above: whether ``least`` itself is excluded.
        below: whether ``most`` itself is excluded.
    """

    least: float
    most: float
    above: bool = False
    below: bool = False

    def holds(self, value: Any) -> bool:
        """Return whether a number is in the range."""
        low = self.least < value if self.above else self.least <= value
        return bool(low and (value < self.most if self.below else value <= self.most))

    def __str__(self) -> str:
        """Return the range as text.

        Example:
            >>> str(Range(0, 1)), str(Range(0, 1, above=True)), str(Range(0, math.inf))
            ('from 0 to 1', 'above 0 and at most 1', 'of at least 0')
        """
        least, most = _number(self.least), _number(self.most)
        if math.isinf(self.most):
            return f"above {least}" if self.above else f"of at least {least}"
        if self.above or self.below:
            start = f"above {least}" if self.above else f"of at least {least}"
            return f"{start} and {'below' if self.below else 'at most'} {most}"
        return f"from {least} to {most}"


class OneOf:
    """A set of allowed values."""

    def __init__(self, *values: str | int) -> None:
        self.values = values

    def holds(self, value: Any) -> bool:
        """Return whether a value is one of them."""
        return value in self.values

    def __str__(self) -> str:
        """Return the values as text."""
        return "one of " + ", ".join(map(str, self.values))


@dataclass(frozen=True)
class Length:
    """The allowed lengths of a list."""

    least: int
    most: int

    def holds(self, value: Sequence[Any]) -> bool:
        """Return whether a list has an allowed length."""
        return self.least <= len(value) <= self.most

    def __str__(self) -> str:
        """Return the lengths as text."""
        return f"{self.least} to {self.most}"


Share = Annotated[float, Range(0, 1)]
"""A number from 0 to 1, both included."""
Seed = Annotated[int, Range(0, 2**31 - 1)]
"""A random seed, up to the largest that FAISS, NumPy and Torch all accept."""
Count = Annotated[int, Range(1, 10**9)]
"""A count of at least 1."""
CountOrNone = Annotated[int, Range(0, 10**9)]
"""A count of at least 0; 0 has a special meaning."""
Keypoints = Annotated[int, Range(1, 1_000_000)]
"""The most keypoints per photo."""
Workers = Annotated[int, Range(1, 256)]
"""A number of threads."""
Cosine = Annotated[float, Range(-1, 1)]
Degrees = Annotated[float, Range(-360, 360)]
Positive = Annotated[float, Range(0, 1e9, above=True)]
NotNegative = Annotated[float, Range(0, 1e9)]


def checked(made: Made) -> Made:
    """Let a class or function check its arguments by their annotations before it runs.

    Example:
        >>> @checked
        ... def halve(share: Share) -> float:
        ...     return share / 2
        >>> halve(2)
        Traceback (most recent call last):
            ...
        placeprint.errors.OptionError: share must be a number from 0 to 1, got 2
    """
    if not inspect.isclass(made):
        return typing.cast("Made", _wrapped(made, made))
    made.__init__ = _wrapped(made.__init__, made)  # type: ignore[method-assign]  # this is what the decorator does
    return made


def check_value(name: str, hint: Any, value: Any) -> Any:
    """Check one value against its annotation, and return it converted.

    Raises:
        OptionError: the value has the wrong type or is not allowed.

    Example:
        >>> check_value("size", tuple[int, int], [3, 4])
        (3, 4)
    """
    found = _fitting(hint, value)
    if found is _WRONG:
        raise OptionError(f"{name} must be {in_words(hint)}, got {shown(value)}")
    return found


@functools.cache
def parameters(made: Callable[..., Any]) -> Mapping[str, Any]:
    """Return the annotations of the arguments that a class or function takes by name."""
    call = made.__init__ if inspect.isclass(made) else made
    if dataclasses.is_dataclass(made):
        hints = typing.get_type_hints(made, include_extras=True)
        return {field.name: hints[field.name] for field in dataclasses.fields(made) if field.init}
    hints = _hints(inspect.unwrap(call))
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    found = inspect.signature(call).parameters.values()
    names = [each.name for each in found if each.kind in named and each.name != "self"]
    return {name: hints.get(name, Any) for name in names}


def _hints(call: Any) -> dict[str, Any]:
    """Return the annotations of a function, except those that only a type checker can resolve."""
    found: dict[str, Any] = {}
    for name, hint in call.__annotations__.items():
        one = types.SimpleNamespace(__annotations__={name: hint})
        try:
            found |= typing.get_type_hints(one, globalns=call.__globals__, include_extras=True)
        except NameError:
            found[name] = Any
    return found


def in_words(hint: Any) -> str:
    """Describe as text what an annotation allows.

    Example:
        >>> in_words(Annotated[int, Range(1, 9)] | None)
        'a whole number from 1 to 9'
    """
    base, limits = _parts(hint)
    if is_union(base):
        words = [in_words(each) for each in typing.get_args(base) if each is not types.NoneType]
        return " or ".join(dict.fromkeys(words))
    choices = [limit for limit in limits if isinstance(limit, OneOf)]
    if choices:
        return str(choices[0])
    origin, inner = typing.get_origin(base), typing.get_args(base)
    if origin is typing.Literal:
        return str(OneOf(*inner))
    if origin in (tuple, list):
        fixed = origin is tuple and Ellipsis not in inner
        count = f"{len(inner)} " if fixed else "".join(f"{limit} " for limit in limits)
        return f"a list of {count}values, each {in_words(inner[0])}"
    plain = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    return " ".join([plain.get(base, "a table" if _is_table(base) else str(base)), *map(str, limits)])


def shown(value: Any) -> str:
    """Return a value for a message: on one line, and shortened."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no whole number of more than 4300 digits
        return "a number of thousands of digits"
    text = " ".join(text.split())
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def check_name(kind: str, name: object, known: Iterable[str], more: str = "") -> None:
    """Check that a name is known.

    Args:
        kind: what is named, such as ``"loss"``.
        name: that was given.
        known: names.
        more: put at the end of the message.

    Raises:
        OptionError: it is not; the message says the closest known one, and all.
    """
    listed = list(known)
    if name not in listed:
        raise OptionError(f"no {kind} called {shown(name)}; {suggest(str(name), listed)}{more}")


def suggest(name: str, known: Iterable[str]) -> str:
    """Return the hint for an unknown name: the closest known name, and all names in order.

    Example:
        >>> suggest("vald", ["bow", "vlad"])
        "did you mean 'vlad'? Known: bow, vlad"
    """
    listed = list(known)
    close = difflib.get_close_matches(name, listed, n=1)
    names_ = ", ".join(listed) or "none"
    return f"did you mean {close[0]!r}? Known: {names_}" if close else f"known: {names_}"


def _wrapped(call: Callable[..., Any], owner: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(call)

    @functools.wraps(call)
    def with_check(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        hints = parameters(owner)
        for name, value in bound.arguments.items():
            if name in hints:
                bound.arguments[name] = check_value(name, hints[name], value)
        return call(*bound.args, **bound.kwargs)

    return with_check


def _fitting(hint: Any, value: Any) -> Any:
    """Return a value converted to an annotation, or `_WRONG` if that is impossible."""
    base, limits = _parts(hint)
    if is_union(base):
        found = (_fitting(each, value) for each in typing.get_args(base))
        return next((each for each in found if each is not _WRONG), _WRONG)
    found = _as_type(base, value)
    if found is _WRONG or not all(limit.holds(found) for limit in limits):
        return _WRONG
    return float(found) + 0.0 if base is float else found


def _as_type(base: Any, value: Any) -> Any:
    """Return a value converted to a type, ignoring limits; values of unknown types pass."""
    origin = typing.get_origin(base)
    if base in (int, float):
        return _as_number(base, value)
    if origin in (tuple, list):
        return _as_list(base, value)
    if origin is typing.Literal:
        return value if value in typing.get_args(base) else _WRONG
    taken = {bool: bool | np.bool_, str: str, types.NoneType: types.NoneType}
    kind = Mapping if _is_table(base) else taken.get(base)
    if kind is not None and not isinstance(value, kind):
        return _WRONG
    return bool(value) if base is bool else value


def _as_number(base: type[int] | type[float], value: Any) -> Any:
    if isinstance(value, bool):
        return _WRONG
    if isinstance(value, int | np.integer):
        return int(value)  # convert to float only once it is known to be in range: it may be too large for a float
    if base is float and isinstance(value, float | np.floating):
        return _WRONG if math.isnan(value) else float(value)
    return _WRONG


def _as_list(base: Any, value: Any) -> Any:
    origin, inner = typing.get_origin(base), typing.get_args(base)
    if not isinstance(value, list | tuple | np.ndarray) or not inner:
        return value if not inner else _WRONG
    fixed = origin is tuple and Ellipsis not in inner
    if fixed and len(value) != len(inner):
        return _WRONG
    found = [_fitting(inner[place] if fixed else inner[0], each) for place, each in enumerate(value)]
    if any(each is _WRONG for each in found):
        return _WRONG
    return tuple(found) if origin is tuple else found


def _parts(hint: Any) -> tuple[Any, list[Any]]:
    """Return the type of an annotation and its limits; numbers without limits must be finite."""
    base, limits = hint, []
    if typing.get_origin(hint) is Annotated:
        base, *found = typing.get_args(hint)
        limits = [each for each in found if isinstance(each, Range | OneOf | Length)]
    return base, limits or ([_FINITE] if base is float else [])


class _Finite:
    """The limit of a number without a range."""

    def holds(self, value: Any) -> bool:
        try:
            return math.isfinite(value)
        except OverflowError:
            return False

    def __str__(self) -> str:
        return "that is finite"


_FINITE = _Finite()


def is_union(base: Any) -> bool:
    """Return whether an annotation allows several types."""
    return typing.get_origin(base) in (typing.Union, types.UnionType)


def _is_table(base: Any) -> bool:
    return (typing.get_origin(base) or base) in (dict, Mapping)


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else f"{value:g}"
