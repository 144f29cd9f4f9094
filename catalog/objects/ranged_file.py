"""A file that is elsewhere, of which only the parts that are read are transferred."""

import io


class RangedFile(io.RawIOBase):
    """Of `size` bytes. A subclass has part(), and raises there what it knows of a missing or changed file."""

    def __init__(self, size: int):
        self._size, self._position = size, 0

    def part(self, start: int, length: int) -> bytes:
        raise NotImplementedError

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def readinto(self, buffer) -> int:
        length = min(len(buffer), self._size - self._position)
        if length <= 0:
            return 0
        block = self.part(self._position, length)
        buffer[: len(block)] = block
        self._position += len(block)
        return len(block)
