"""The image's health check, for whichever command it runs: `python mlplatform/web/probe.py PORT ...`.

Ends with 0 when a web server on one of these ports of the machine itself says that it is ready.
"""

import http.client
import sys

ANSWER_S = 4


def is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not any(is_ready(int(port)) for port in sys.argv[1:]))
