import os
import socket
import sys

import psutil
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from mlplatform import system_checks

SAGEMAKER_HOST = "model.aws.local"  # what SageMaker sends as Host


def own_addresses() -> set[str]:
    """The addresses and the host name of this machine, as the Host header has them."""
    found = {socket.gethostname()}
    for addresses in psutil.net_if_addrs().values():
        found |= {address.address for address in addresses if address.family == socket.AF_INET}
        # Without the zone of a link-local address: fe80::1%eth0
        found |= {
            f"[{address.address.partition('%')[0]}]"
            for address in addresses
            if address.family == socket.AF_INET6
        }
    return found


class Command(BaseCommand):
    help = (
        "Serve predictions on port 8080 as SageMaker and MLflow expect of a container: POST /invocations and "
        "GET /ping. Requests without a token can use INVOCATIONS_MODEL only."
    )
    requires_system_checks = [system_checks.TAG]

    def add_arguments(self, parser):
        # Options instead of HOST and PORT, which are the address of the whole platform in the same environment.
        parser.add_argument("--host", default="0.0.0.0", help="the address to listen on; default: all")  # noqa: S104
        parser.add_argument("--port", type=int, default=8080)

    def handle(self, *, host: str, port: int, **options):
        """Replace this process by the web server, so that the container's signals reach it."""
        if not settings.INVOCATIONS_MODEL:
            raise CommandError("Set INVOCATIONS_MODEL to the model to serve, such as my_dataset@production.")
        environment = {
            "HOST": host,
            "PORT": str(port),
            "INVOCATIONS_ANONYMOUS": "True",
            # A page in a browser that can reach the container must not call it by another name (DNS rebinding).
            "ALLOWED_HOSTS": ",".join(sorted({*settings.ALLOWED_HOSTS, *own_addresses(), SAGEMAKER_HOST})),
        }
        os.chdir(settings.BASE_DIR)
        command = [sys.executable, "-m", "mlplatform.web"]
        os.execve(sys.executable, command, os.environ | environment)  # noqa: S606
