"""Evidence for a place: what was measured of a query and a candidate, and the resulting probability."""

from __future__ import annotations

from placeprint.evidence.record import FIELDS, Field, PairEvidence

__all__ = ["FIELDS", "Field", "PairEvidence"]
