"""The manifest of a table that is registered by reference: its files with their sizes and ETags.

It is what the object store of the platform has of such a table, and its SHA-256 is that of the dataset version.
"""

import json
from dataclasses import astuple, dataclass

from catalog.objects import objects
from catalog.objects.location import Location, invalid
from catalog.objects.objects import Object


@dataclass(frozen=True)
class Manifest:
    location: Location
    objects: tuple[Object, ...]

    @property
    def size(self) -> int:
        return sum(one.size for one in self.objects)

    def to_bytes(self) -> bytes:
        rows = [list(astuple(one)) for one in self.objects]
        return json.dumps({"uri": str(self.location), "objects": rows}, indent=0).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Manifest":
        values = json.loads(content)
        found = tuple(Object(*row) for row in values["objects"])
        return cls(Location.parse(values["uri"]), found)

    def check_current(self) -> None:
        """Raise Conflict, with the name of the first file that differs, unless the location has the same files.

        Raises what listing it raises.
        """
        self.location.check_allowed()
        now = {one.key: one for one in objects.list_objects(self.location)}
        for one in self.objects:
            if one.key not in now:
                raise objects.changed(self.location, one.key, "is missing")
            if now.pop(one.key) != one:
                raise objects.changed(self.location, one.key, "has changed")
        if now:
            raise objects.changed(self.location, min(now), "was added")


def of_location(location: Location) -> Manifest:
    """What is there now. Raises ValidationError for the field `uri` if that is nothing, and NotReady."""
    location.check_allowed()
    found = objects.list_objects(location)
    if not found:
        raise invalid(f"No file is at `{location}`.", code="no_objects")
    return Manifest(location, tuple(found))
