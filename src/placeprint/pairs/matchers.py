"""Matchers by their common names, and which matcher suits which features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from placeprint.errors import OptionError

MATCHERS: dict[str, dict[str, Any]] = {
    "mutual": {"name": "nearest"},
    "ratio": {"name": "nearest", "mutual": False, "ratio": 0.8},
    "mutual-ratio": {"name": "nearest", "ratio": 0.8},
    "lightglue": {"name": "lightglue", "min_confidence": 0.3},
    "lighterglue": {"name": "lightglue", "features": "xfeat", "min_confidence": 0.3},
}
"""Matchers by their command-line names; any other name is that of a registered matcher."""
DEFAULTS: dict[str, dict[str, Any]] = {
    "delf": {"name": "nearest", "min_similarity": 0.68},
    "xfeat": {"name": "nearest", "min_similarity": 0.8, "ratio": 0.95},
}
"""Default matchers, if not mutual neighbors with a ratio test: XFeat's descriptors of unrelated points are very
similar, with ratios close to 1. So are DELF's for neighbors in position and scale; its authors accept distances up to
0.8."""
BINARY = frozenset({"orb"})
MADE_FOR = {"semi-dense": "xfeat"}
"""Matchers that accept only the features of one extractor."""


def matcher_params(features: str, matcher: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the name and parameters of a matcher for these features.

    Raises:
        OptionError: the matcher is for other features.
    """
    if isinstance(matcher, Mapping):
        return dict(matcher)
    if matcher is None:
        params = DEFAULTS.get(features, MATCHERS["mutual-ratio"])
    else:
        params = MATCHERS.get(matcher, {"name": matcher})
    made_for = params.get("features", MADE_FOR.get(params["name"], features))
    if made_for != features:
        raise OptionError(f"the matcher {matcher!r} is for {made_for!r} features, got {features!r}")
    if params["name"] == "nearest" and features in BINARY:
        return params | {"distance": "hamming"}
    return {"features": features} | params if params["name"] == "lightglue" else dict(params)
