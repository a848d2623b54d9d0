"""Write the files of an atlas, as `placeprint.core.files` does, but raise the errors of an atlas."""

from __future__ import annotations

from functools import partial

from placeprint.core import files
from placeprint.errors import AtlasWriteError

write_atomically = partial(files.write_atomically, error=AtlasWriteError)
write_arrays = partial(files.write_arrays, error=AtlasWriteError)
writing = partial(files.writing, error=AtlasWriteError)
