"""What the table of published networks has in a row."""

from __future__ import annotations

from dataclasses import dataclass

from placeprint.networks.published.specs import Head, Trunk

Triple = tuple[float, float, float]
Renames = tuple[tuple[str, str], ...]

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Sight:
    """What a network sees of a photo.

    Args:
        longest: longest side in pixels; 0 for full size.
        stretch: width and height in pixels every photo is stretched to; ``(0, 0)`` keeps its shape.
        multiple: sides are multiples of this.
        mean: the mean of red, green and blue in [0, 1].
        deviation: the same.
    """

    longest: int = 0
    stretch: tuple[int, int] = (0, 0)
    multiple: int = 1
    mean: Triple = IMAGENET_MEAN
    deviation: Triple = IMAGENET_STD


@dataclass(frozen=True)
class PublishedFile:
    """A file of weights.

    Args:
        name: the name of the file.
        url: where it lies, https; empty where it is handed to browsers only, from `page`.
        page: where people find it.
        tensor: name of the tensor, for a file that is one tensor and no state dict.
        names: whose names its tensors have: ``"hloc-mat"`` for a MATLAB file, otherwise empty.
    """

    name: str
    url: str = ""
    page: str = ""
    tensor: str = ""
    names: str = ""


@dataclass(frozen=True)
class License:
    """What may be done with a network.

    Args:
        code: the code of the authors' program; placeprint's own was written from the paper.
        weights: the weights of the file of weights, as it is stated.
        stated: whether the license of the weights is stated and allows every use.
    """

    code: str
    weights: str
    stated: bool = False


@dataclass(frozen=True)
class Network:
    """One published network.

    Args:
        name: short, for people.
        full_name: method, trunk and length, as programs know it.
        method: the method of the paper.
        paper: authors, title, where it appeared.
        dim: length of the descriptor.
        trunk: how its map is made.
        head: how the map is pooled.
        names: beginnings of the checkpoint's names and what they are here, in the order they are tried.
        parts: further parts of names, the same way.
        sight: what it sees of a photo.
        files: the files of its weights; none where no weights were published.
        license: the license of code and weights.
        bytes: the bytes of its tensors in float32.
    """

    name: str
    full_name: str
    method: str
    paper: str
    dim: int
    trunk: Trunk
    head: Head
    names: Renames
    sight: Sight
    files: tuple[PublishedFile, ...]
    license: License
    bytes: int
    parts: Renames = ()

    @property
    def size_text(self) -> str:
        """The size for people, in MB of 10^6 bytes."""
        return f"{self.bytes / 1e6:,.0f} MB"
