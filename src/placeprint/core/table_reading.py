"""Tables of TOML files become dataclasses, or the arguments of functions: recipes, presets, protocols, components.

A file names what it sets; the annotations of the fields say what each value may be (see `options`). A field whose type
is a dataclass is a table inside the table, ``tuple[Part, ...]`` a list of tables. A field that is annotated with a
`PartReader` is read by that.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Protocol, TypeVar

from placeprint.core.options import check_value, is_union, parameters, shown, suggest
from placeprint.errors import OptionError

Table = TypeVar("Table")


class PartReader(Protocol):
    """How a table becomes the value of a field: stands in the field's annotation, ``Annotated[Part, reader]``."""

    def read(self, base: Any, table: object, path: str) -> Any:
        """Return the value.

        Args:
            base: the annotated type.
            table: what the file holds.
            path: the path of the table in the file, such as ``"fusion.extractor"``.

        Raises:
            OptionError: the table does not have the form.
        """
        ...


def read_table(
    made: type[Table], table: object, *, what: str, prefix: str = "", given: Mapping[str, Any] = MappingProxyType({})
) -> Table:
    """Read a table of a file into a dataclass: types, ranges and choices are those of its fields.

    Args:
        made: the dataclass.
        table: what the file holds.
        what: the table is called in messages, such as ``"[store]"``.
        prefix: put before the name in the message about a wrong value, such as ``"store."``.
        given: fields that come from elsewhere.

    Raises:
        OptionError: it is not a table, a name is unknown or missing, or a value has the wrong type or is not allowed.

    Example:
        >>> from placeprint.core.options import Range
        >>> read_table(Range, {"least": 0, "most": 1}, what="[range]")
        Range(least=0.0, most=1.0, above=False, below=False)
    """
    values = check_values(made, table, what=what, prefix=prefix, without=given)
    try:
        return made(**given, **values)
    except OptionError as error:
        raise OptionError(f"{what}: {error}") from error


def check_values(
    made: Callable[..., Any],
    values: object,
    *,
    what: str,
    prefix: str = "",
    beside: Mapping[str, Any] = MappingProxyType({}),
    without: Collection[str] = (),
) -> dict[str, Any]:
    """Return keyword arguments of a class or function as it takes them.

    Args:
        made: the class or function.
        values: by name.
        what: owner of the names in the message about an unknown one, such as ``"'sift'"``.
        prefix: put before the name in the message about a wrong value, such as ``"optimizer."``.
        beside: annotations of more names that the values may have.
        without: arguments that come from elsewhere.

    Raises:
        OptionError: it is not a table, a name is unknown or missing, or a value has the wrong type or is not allowed.
    """
    if not isinstance(values, Mapping):
        raise OptionError(f"{what} must be a table, got {shown(values)}")
    known = {name: hint for name, hint in parameters(made).items() if name not in without} | dict(beside)
    for name in values:
        if name not in known:
            raise OptionError(f"{what} has no parameter {shown(name)}; {suggest(str(name), known)}")
    found = {name: _read_value(f"{prefix}{name}", known[name], value) for name, value in values.items()}
    needed = [name for name in _required(made) if name not in without]
    missing = [name for name in needed if name not in values]
    if missing:
        raise OptionError(f"{what} lacks {', '.join(missing)}; it needs {', '.join(needed)}")
    return found


def _read_value(path: str, hint: Any, value: Any) -> Any:
    """Return a value of a file as its annotation wants it; it may be a table, or a list of tables."""
    if is_union(hint):
        parts = [each for each in typing.get_args(hint) if _is_part(each)]
        return _read_value(path, parts[0], value) if parts else check_value(path, hint, value)
    if typing.get_origin(hint) is tuple and _is_part(part := typing.get_args(hint)[0]):
        if not isinstance(value, list | tuple):
            raise OptionError(f"{path} must be a list of tables, each under [[{path}]], got {shown(value)}")
        return tuple(_read_part(path, f"[[{path}]]", part, each) for each in value)
    return _read_part(path, f"[{path}]", hint, value) if _is_part(hint) else check_value(path, hint, value)


def _read_part(path: str, what: str, hint: Any, table: object) -> Any:
    base, reader = _part(hint)
    if reader is not None:
        return reader.read(base, table, path)
    return table if isinstance(table, base) else read_table(base, table, what=what, prefix=f"{path}.")


def _is_part(hint: Any) -> bool:
    """Return whether values of an annotation stand in a table of their own."""
    base, reader = _part(hint)
    return reader is not None or (inspect.isclass(base) and dataclasses.is_dataclass(base))


def _part(hint: Any) -> tuple[Any, PartReader | None]:
    base, *marks = typing.get_args(hint) if typing.get_origin(hint) is Annotated else (hint,)
    return base, next((mark for mark in marks if hasattr(mark, "read")), None)


@functools.cache
def _required(made: Callable[..., Any]) -> list[str]:
    """Return the arguments of a class or function that have no default."""
    found = inspect.signature(made).parameters
    return [name for name in parameters(made) if found[name].default is inspect.Parameter.empty]
