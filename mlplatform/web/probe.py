"""The health check of the image: `python mlplatform/web/probe.py PORT ...`.

Exits with 0 if a web server on one of these local ports is ready.
"""

import http.client
import sys

TIMEOUT_S = 4


def is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not any(is_ready(int(port)) for port in sys.argv[1:]))
