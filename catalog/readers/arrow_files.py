"""What the typed formats share that Arrow reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pyarrow as pa
from django.core.exceptions import ValidationError

from catalog.readers import streams


@contextmanager
def opened(file: BinaryIO, compression: str | None, *, max_bytes: int, label: str) -> Iterator[BinaryIO]:
    """The decompressed file. Arrow's errors become a ValidationError about a damaged file of this format."""
    source = streams.seekable(file, compression, max_bytes=max_bytes)
    try:
        yield source
    except MemoryError:  # Arrow's is an ArrowException too
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ValidationError(
            f"The {label} file is damaged or incomplete. Export it again, or upload it again.",
            code="corrupt_file",
        ) from error
    finally:
        if source is not file:
            source.close()
