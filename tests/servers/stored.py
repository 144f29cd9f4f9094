"""The objects in a platform's store, which tests read and damage past the platform."""

from botocore.exceptions import ClientError


class Stored:
    """One object in the platform's store, reached past the platform."""

    def __init__(self, platform, bucket: str, key: str):
        self.platform, self.bucket, self.key = platform, bucket, key
        self.path = platform.data / bucket / key

    def read(self) -> bytes:
        if store := self.platform.store:
            return store.client().get_object(Bucket=self.bucket, Key=self.key)["Body"].read()
        return self.path.read_bytes()

    def exists(self) -> bool:
        try:
            self.read()
        except (FileNotFoundError, ClientError):
            return False
        return True

    def write(self, content: bytes) -> None:
        if store := self.platform.store:
            store.client().put_object(Bucket=self.bucket, Key=self.key, Body=content)
        else:
            self.path.write_bytes(content)

    def delete(self) -> None:
        if store := self.platform.store:
            store.client().delete_object(Bucket=self.bucket, Key=self.key)
        else:
            self.path.unlink()


class UnavailableStore:
    """A block in which the object store is unavailable: the S3 server killed, or plain files instead of folders."""

    def __init__(self, platform):
        self.platform = platform
        self.folders = [platform.data / name for name in ("datasets", "trained-models")]

    def __enter__(self):
        if self.platform.store:
            self.platform.store.stop()
            return
        for folder in self.folders:
            folder.rename(folder.with_suffix(".away"))
            folder.write_bytes(b"")

    def __exit__(self, *exc):
        if self.platform.store:
            self.platform.store.start()
            return
        for folder in self.folders:
            folder.unlink()
            folder.with_suffix(".away").rename(folder)
