"""Two photos: matches, transform, verdict and probability."""

from placeprint.pairs.answer import PairAnswer
from placeprint.pairs.matchers import DEFAULTS, MATCHERS, matcher_params
from placeprint.pairs.matching import match

__all__ = ["DEFAULTS", "MATCHERS", "PairAnswer", "match", "matcher_params"]
