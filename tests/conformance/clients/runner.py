"""Runs Python scripts, each in a fork of this process, which has done their imports: they take seconds of CPU.

Reads a JSON object per line: the `code`, its `name` for tracebacks, its `input` and its `env`. Writes its exit `code`
and its `output`. kserve and mlserver define the same protobuf messages, so only their dependencies are imported here.
"""

import json
import os
import sys
import tempfile
import traceback
from importlib import import_module

for module in (
    *("aiohttp", "fastapi", "grpc", "httpx", "uvicorn", "pandas", "requests", "tritonclient.http"),
    *("mlflow.deployments", "mlflow.pyfunc.scoring_server.client"),
):
    import_module(module)


def run(script: dict) -> None:
    """Run a script to its end, and exit."""
    code = 1
    try:
        exec(compile(script["code"], script["name"], "exec"), {"__name__": "__main__"})
        code = 0
    except Exception:  # noqa: BLE001 - of the script
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


for line in sys.stdin:
    script = json.loads(line)
    with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+") as output:
        given.write(script["input"])
        given.seek(0)
        child = os.fork()
        if child == 0:
            for descriptor, file in enumerate((given, output, output)):
                os.dup2(file.fileno(), descriptor)
            os.environ.update(script["env"])
            sys.stdin = given
            run(script)
        _, status = os.waitpid(child, 0)
        output.seek(0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status), "output": output.read()}), flush=True)
