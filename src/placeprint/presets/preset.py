"""The components of an atlas, as one object.

A preset is read and checked once, from TOML (`preset_files`, or an atlas's manifest), and passed on unchanged.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from placeprint.core.table_reading import read_table
from placeprint.errors import OptionError
from placeprint.networks.pretrained import TRAINED
from placeprint.presets.specs import (
    AggregatorSpec,
    CodebookSpec,
    ComponentSpec,
    EvidenceSpec,
    ExtractorSpec,
    FusionSpec,
    IndexSpec,
    OfKind,
    OpinionSpec,
    StoreSpec,
    VerifierSpec,
    VoterSpec,
    WhitenerSpec,
)

LENGTH_ONLY = ("crow", "gem", "mac", "spoc", "weighted-gem")
"""Aggregators that learn no more than the length of the descriptors."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named choice of components.

    The order of the fields is the order of the tables in a file.

    Args:
        name: the name of the preset.
        summary: one line on what it is good for.
        extractor: the extractor of the local features that are verified.
        aggregator: the aggregator of their global descriptor; may be None if there is a `fusion`.
        fusion: additional descriptors, joined to the first.
        whitener: the whitener of the joined descriptors.
        index: the index of the descriptors.
        verifier: the verifier of candidates.
        voter: the voter for search by local features; None to search by the global descriptor.
        codebook: the codebook settings.
        store: how features are stored.
        evidence: how candidates are weighed; None to rank them by the rules of `verification.rerank`.
        opinion: further verifications, for queries whose answer is open.

    Raises:
        OptionError: there is neither an aggregator nor a fusion, evidence does not fit them, or nothing is said of a
            codebook that is needed.
    """

    name: str
    summary: str = ""
    extractor: ExtractorSpec
    aggregator: AggregatorSpec | None = None
    fusion: tuple[FusionSpec, ...] = ()
    whitener: Annotated[WhitenerSpec, OfKind("whiteners")] | None = None
    index: IndexSpec
    verifier: VerifierSpec
    voter: VoterSpec | None = None
    codebook: CodebookSpec
    store: StoreSpec
    evidence: EvidenceSpec | None = None
    opinion: tuple[OpinionSpec, ...] = ()

    def __post_init__(self) -> None:
        if self.aggregator is None and not self.fusion:
            raise OptionError("it has neither [aggregator] nor [[fusion]]; it needs one to search by")
        count = len(self.fusion) + (self.aggregator is not None)
        if self.evidence is not None and len(self.evidence.descriptors) != count:
            raise OptionError(
                f"evidence.descriptors must name its {count} descriptors, got {len(self.evidence.descriptors)}"
            )
        if self.evidence is not None and (self.whitener is not None or self.index.name != "flat"):
            raise OptionError("evidence needs separate descriptors: use the index 'flat' and no whitener")
        if any(each.late for each in self.fusion) and self.evidence is None:
            raise OptionError(
                "a [[fusion]] with late = true needs [evidence], which decides whether the answer is uncertain"
            )
        if self.opinion and self.evidence is None:
            raise OptionError("an [[opinion]] needs [evidence] to weigh it")
        aggregators = [self.aggregator, *(each.aggregator for each in self.fusion)]
        if self.codebook.is_empty and any(each is not None and each.name not in LENGTH_ONLY for each in aggregators):
            raise OptionError("[codebook]: it needs min_photos: nothing is shipped, so the atlas learns its own")

    @property
    def extractors(self) -> tuple[ComponentSpec, ...]:
        """The extractors, each once; geometry verifies the first one's features."""
        named = [each.extractor for each in self.fusion] + [each.extractor for each in self.opinion]
        found = [self.extractor]
        for each in named:
            if each is not None and each not in found:  # specs hold dictionaries, so they have no hash
                found.append(each)
        return tuple(found)

    @property
    def components(self) -> dict[str, Any]:
        """The tables of the components, as in TOML; `preset_from` reads them back."""
        return {name: _table(value) for name, value in self._parts().items() if value not in (None, ())}

    def with_files(self, change: Callable[[str], str]) -> Preset:
        """Return the preset with the path of every file it names changed.

        Files are the codebook's, and trained networks: every option that ends in ``.safetensors``.
        """
        codebook = self.codebook
        if codebook.file is not None:
            codebook = dataclasses.replace(codebook, file=change(codebook.file))
        parts = {name: _changed(value, change) for name, value in self._parts().items()}
        return dataclasses.replace(self, **parts | {"codebook": codebook})

    def _parts(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("name", "summary")}


def preset_from(tables: Mapping[str, Any], name: str) -> Preset:
    """Return a preset from its tables; ``summary`` may stand beside them.

    Raises:
        OptionError: a table, component or key is unknown or missing, or a value has the wrong type or is out of its
            range.

    Example:
        >>> parts = {"extractor": "sift", "aggregator": "gem", "index": "flat", "verifier": "two-view"}
        >>> tables = {stage: {"name": part} for stage, part in parts.items()}
        >>> preset_from(tables | {"codebook": {"min_photos": 50}, "store": {}}, "own").store.local_bits
        8
    """
    try:
        return read_table(Preset, tables, what="it", given={"name": name})
    except OptionError as error:
        raise OptionError(f"the preset {name!r}: {error}") from error


def _table(value: Any) -> Any:
    """Return a part of a preset as a TOML table; None values are omitted."""
    if isinstance(value, ComponentSpec):
        return value.table
    if isinstance(value, tuple):
        return [_table(each) for each in value]
    if dataclasses.is_dataclass(value):
        return {name: _table(each) for name, each in vars(value).items() if each is not None}
    return value


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    """Return a part of a preset with the paths of its trained networks changed."""
    if isinstance(value, str):
        return change(value) if value.endswith(TRAINED) else value
    if isinstance(value, Mapping):
        return {key: _changed(each, change) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_changed(each, change) for each in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        found = {name: _changed(each, change) for name, each in vars(value).items()}
        return value if found == vars(value) else dataclasses.replace(value, **found)  # this would check it again
    return value
