"""Every error placeprint raises on purpose.

    PlaceprintError
    ├── ShapeError (ValueError)         an array has the wrong shape or dtype
    ├── OptionError (ValueError)        a parameter or name is not one of the known ones
    ├── NotEnoughMemoryError (MemoryError)  a size or count needs more memory than there is
    ├── NotFittedError (RuntimeError)   a component is used before it has learned its state
    ├── PhotoError (ValueError)         one photo cannot be used; the others can
    ├── PackageError (ImportError)      an optional package is not installed
    ├── WeightsError (RuntimeError)     a network's weights are missing or are not the expected ones
    ├── DownloadError (OSError)         a file cannot be fetched: no network, no such file, a connection that ended
    ├── ServiceError (RuntimeError)     a service cannot be reached, or refuses a request
    ├── DatasetError (ValueError)       a benchmark folder does not have the documented form
    ├── TrainingError (RuntimeError)    training cannot continue, such as when its loss is not a number
    ├── ReconstructionError (RuntimeError)  a model cannot be made, read or used
    ├── WriteError (OSError)            a file cannot be written: the disk is full, or something else is in its place
    └── AtlasError (RuntimeError)       the atlas on disk
        ├── AtlasMissingError (FileNotFoundError)
        ├── AtlasExistsError (FileExistsError)
        ├── AtlasFormatError            damaged, or written by a newer placeprint
        ├── AtlasMismatchError          made by another preset or by other weights
        ├── AtlasBusyError              another process is writing
        └── AtlasWriteError (WriteError) the disk is full or the folder is read-only

Each is also the builtin in parentheses, so callers may catch either. A message says what was expected,
what came and what to do, in one line.
"""


class PlaceprintError(Exception):
    """Base of every error placeprint raises on purpose."""


class ShapeError(PlaceprintError, ValueError):
    """An array has the wrong shape or dtype."""


class OptionError(PlaceprintError, ValueError):
    """A parameter or name is not one of the known ones."""


class NotEnoughMemoryError(PlaceprintError, MemoryError):
    """The request needs more memory than there is."""


class NotFittedError(PlaceprintError, RuntimeError):
    """A component is used before it has learned its state."""


class PhotoError(PlaceprintError, ValueError):
    """One photo cannot be used."""


class PackageError(PlaceprintError, ImportError):
    """An optional package is not installed."""


class WeightsError(PlaceprintError, RuntimeError):
    """A network's weights are missing or are not the expected ones."""


class DownloadError(PlaceprintError, OSError):
    """A file cannot be fetched from the network."""


class ServiceError(PlaceprintError, RuntimeError):
    """A service cannot be reached, or refuses a request.

    Args:
        message: what went wrong.
        status: its HTTP status, or None if there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class DatasetError(PlaceprintError, ValueError):
    """A benchmark folder does not have the documented form."""


class TrainingError(PlaceprintError, RuntimeError):
    """Training cannot continue."""


class ReconstructionError(PlaceprintError, RuntimeError):
    """A model cannot be made, read or used."""


class WriteError(PlaceprintError, OSError):
    """A file cannot be written."""


class AtlasError(PlaceprintError, RuntimeError):
    """The atlas on disk cannot be used for this operation."""


class AtlasMissingError(AtlasError, FileNotFoundError):
    """There is no atlas at the path."""


class AtlasExistsError(AtlasError, FileExistsError):
    """There is already something at the path."""


class AtlasFormatError(AtlasError):
    """The atlas is damaged, or was written by a newer placeprint."""


class AtlasMismatchError(AtlasError):
    """The atlas was made by another preset or by other weights."""


class AtlasBusyError(AtlasError):
    """Another process is writing to the atlas."""


class AtlasWriteError(AtlasError, WriteError):
    """The disk is full or the folder is read-only."""
