"""Local storage on a disk that is full after 100 bytes of a file, by the limit of this process for files."""

import resource

from django.core.files.storage import FileSystemStorage


class FullDisk(FileSystemStorage):
    def _save(self, name, content):
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        try:
            return super()._save(name, content)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
