"""Presets: the components of an atlas, by name or from a TOML file.

A preset has one table per stage, with the component's ``name`` and the parameters that differ from its
defaults::

    [extractor]    name, parameters: of the local features that are verified; a grid's backbone and DELF's network
                   may be the path of a trained network's .safetensors, from the preset's folder
    [aggregator]   name, parameters: of their global descriptor (optional where there is a [[fusion]])
    [[fusion]]     weight, extractor (a table; the one above when left out), aggregator (a table): one more descriptor,
                   joined to the others; as many as you like
    [whitener]     name, parameters, min_photos (optional: fitted from this many photos on)
    [index]        name, parameters
    [verifier]     name, parameters
    [voter]        name, parameters (optional): photos are searched by the votes of the features that are verified; the
                   descriptor above is there to be asked for
    [codebook]     shipped (name) or file (path of an .npz, from the preset's folder); without either the atlas learns
                   its first from the first photos added. min_photos: from this many photos on the atlas learns its own;
                   without it, never. Empty where no aggregator learns anything
    [store]        local_bits, descriptor_bits (4, 6 or 8)
    [evidence]     model, descriptors, candidates (optional): candidates are ranked by one probability
    [[opinion]] source, extractor, verifier, candidates (optional): one more verification, while the answer is uncertain
"""

from placeprint.presets.preset import Preset, preset_from
from placeprint.presets.preset_files import KeptFiles, kept_files, load_preset, preset_names, write_preset
from placeprint.presets.specs import (
    CodebookSpec,
    ComponentSpec,
    EvidenceSpec,
    FusionSpec,
    OpinionSpec,
    StoreSpec,
    WhitenerSpec,
)

__all__ = [
    "CodebookSpec",
    "ComponentSpec",
    "EvidenceSpec",
    "FusionSpec",
    "KeptFiles",
    "OpinionSpec",
    "Preset",
    "StoreSpec",
    "WhitenerSpec",
    "kept_files",
    "load_preset",
    "preset_from",
    "preset_names",
    "write_preset",
]
