"""The methods as transformers of scikit-learn, for its pipelines and searches; needs placeprint[sklearn].

`Extract` makes local descriptors of photos, one ``(k, d)`` array each; `VLAD`, `FisherVector`, `NetVLAD`, `BoW` and
`GeM` make one row of such arrays; `PCAWhitening` whitens rows. They compute what the aggregators of the same names do.

Example:
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> photos = [np.random.default_rng(n).normal(size=(40 + n, 8)) for n in range(12)]
    >>> make_pipeline(VLAD(num_words=4), PCAWhitening(6)).fit_transform(photos).shape
    (12, 6)
"""

from placeprint.sklearn.aggregators import VLAD, BoW, FisherVector, GeM, NetVLAD
from placeprint.sklearn.extracting import Extract
from placeprint.sklearn.whitening import PCAWhitening

__all__ = ["VLAD", "BoW", "Extract", "FisherVector", "GeM", "NetVLAD", "PCAWhitening"]
