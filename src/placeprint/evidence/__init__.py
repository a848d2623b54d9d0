"""All evidence for a place weighed once: what is known of a pair, and the probability that follows from it."""

from __future__ import annotations

from placeprint.evidence.record import FIELDS, Field, PairEvidence

__all__ = ["FIELDS", "Field", "PairEvidence"]
