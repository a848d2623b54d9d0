"""Protocols: the rules behind a benchmark number, each a named and versioned TOML file in this folder.

The same photos give different numbers under different rules: which queries, which database, what counts as right. So
every result has the name and version of its protocol, and a changed rule gets a new version.
"""

from __future__ import annotations

import dataclasses
import importlib
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from placeprint.core.named_toml import SUFFIX, read_named, shipped_names, toml_tables
from placeprint.core.options import Count, CountOrNone, check_name, checked, parameters
from placeprint.core.table_reading import check_values, read_table
from placeprint.datasets.retrieval_set import METRICS, RetrievalSet
from placeprint.errors import DatasetError, OptionError

logger = logging.getLogger(__name__)

DEFAULT = "place-folder"
AS_MANY = frozenset({"MAP@R", "R-precision"})
"""Metrics that use as many ranks as a query has right photos."""


@checked
@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A protocol.

    Args:
        name: the name without the version.
        version: the version, from 1; a changed rule is a new version.
        title: what it measures, in a few words.
        source: the paper or program that defined the rule.
        where: where to get the photos; empty for your own.
        layout: the files expected in the folder.
        rule: what is right, and what is excluded.
        reader: ``"module:function"``, called with the folder and the options.
        options: the options of the reader.
        metrics: the names of the metrics; the first is the one usually quoted.
        depth: the number of ranks that the metrics use; None for the whole database, which `mAP` needs.
        queries: the number of queries in the published set, or None if open.
        database: the number of database photos in the published set, or None if open.

    Raises:
        OptionError: the metrics are not a list of names, or one uses more ranks than the depth.
    """

    name: str
    version: Count
    title: str
    source: str
    layout: str
    rule: str
    reader: str
    where: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    metrics: tuple[str, ...] = METRICS
    depth: Count | None = None
    queries: CountOrNone | None = None
    database: CountOrNone | None = None

    def __post_init__(self) -> None:
        if self.depth is None:
            return
        for name in self.metrics:
            if _depth_of(name) > self.depth:
                raise OptionError(f"the metric {name!r} needs more results than the depth of {self.depth}")

    @property
    def full_name(self) -> str:
        """The name and version, as in results."""
        return f"{self.name}-{self.version}"

    def read(self, folder: Path | str) -> RetrievalSet:
        """Read a folder by this protocol.

        Raises:
            DatasetError: the folder does not have the protocol's form.
            OptionError: the reader does not exist or does not take the options, or a metric uses more ranks than the
                depth.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise DatasetError(f"there is no folder {str(folder)!r}")
        reader = self._reader()
        found = reader(folder, **self.options)
        if self.depth is not None and not AS_MANY.isdisjoint(self.metrics):
            most = max(map(len, found.positives), default=0)
            if most > self.depth:
                raise OptionError(f"a query has {most} right photos, which is more than the depth of {self.depth}")
        return dataclasses.replace(found, protocol=self.full_name, metrics=self.metrics, depth=self.depth)

    def _reader(self) -> Callable[..., RetrievalSet]:
        module, _, function = self.reader.partition(":")
        try:
            reader: Callable[..., RetrievalSet] = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError, ValueError) as error:
            raise OptionError(f"the protocol {self.name!r} has a reader {self.reader!r} that does not exist") from error
        place = list(parameters(reader))[:1]
        check_values(reader, self.options, what=f"the reader {self.reader!r}", prefix="options.", without=place)
        return reader

    def differences(self, dataset: RetrievalSet) -> list[str]:
        """Return how a set differs from the published one; empty if it does not."""
        told = []
        for what, expected, got in (
            ("queries", self.queries, len(dataset.queries)),
            ("database photos", self.database, len(dataset.database)),
        ):
            if expected is not None and expected != got:
                told.append(f"{got:,} {what}, the published set has {expected:,}")
        return told


def _depth_of(metric: str) -> float:
    """Return how many ranks a metric uses, if its name says so."""
    k = metric.rpartition("@")[2]
    if k.isdecimal():
        return int(k)
    return {"mAP": math.inf, "mAP trapezoidal": math.inf, "N-S score": 4}.get(metric, 1)


def protocol_names() -> list[str]:
    """List the protocols by name, sorted."""
    return shipped_names(__name__)


def load_protocol(name: str) -> Protocol:
    """Read a protocol by its name, with or without the version, or from the path of a TOML file.

    Raises:
        OptionError: the protocol is unknown, has another version, or its file lacks something.

    Example:
        >>> load_protocol("place-folder").full_name, load_protocol("place-folder-1").full_name
        ('place-folder-1', 'place-folder-1')
    """
    known = protocol_names()
    wanted, _, version = name.rpartition("-")
    versioned = name not in known and wanted in known and version.isdecimal()
    if not name.endswith(SUFFIX) and not versioned and name not in known:
        check_name("protocol", name, known, ", or the path of a .toml file")
    stem, _, text = read_named(wanted if versioned else name, __name__, "protocol")
    what = f"the protocol {name!r}"
    try:
        protocol = read_table(Protocol, toml_tables(text, what), what="it", given={"name": stem})
    except OptionError as error:
        raise OptionError(f"{what} is not valid: {error}") from error
    if versioned and int(version) != protocol.version:
        raise OptionError(f"the protocol {wanted!r} has the version {protocol.version} here, not {version}")
    return protocol


def read_retrieval_set(protocol: str | None, folder: Path | str) -> RetrievalSet:
    """Read a folder by a protocol.

    A logged warning says how the counts differ from those of the published set.

    Args:
        protocol: the name with or without its version, or the path of a TOML file; None for a place folder.
        folder: the folder of the photos.

    Raises:
        OptionError: the protocol is unknown.
        DatasetError: the folder does not have the protocol's form.
    """
    chosen = load_protocol(protocol or DEFAULT)
    try:
        dataset = chosen.read(folder)
    except DatasetError as error:
        if protocol is None:
            raise DatasetError(f"{error}; for another form, name its protocol; see: placeprint datasets") from error
        raise
    for difference in chosen.differences(dataset):
        logger.warning("%s in %s has %s", chosen.full_name, folder, difference)
    return dataset
