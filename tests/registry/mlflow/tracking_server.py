"""A tracking server in memory, as far as the mirror calls one: experiments, runs, artifacts, registered models."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit


class TrackingServer:
    """`failing` is the path of the call that answers 500; `calls` are all that were made."""

    def __init__(self, *, artifacts: str = "mlflow-artifacts:/"):
        self.experiments, self.runs, self.files = {}, {}, {}
        self.models, self.aliases = {}, {}
        self.calls, self.failing, self.headers, self.artifacts = [], "", {}, artifacts
        self.start()

    def start(self, port: int = 0) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=[0.02], daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, method: str, path: str, fields: dict) -> tuple[int, dict]:
        self.calls.append(path)
        if path == self.failing:
            return 500, {"error_code": "INTERNAL_ERROR", "message": "broken"}
        return getattr(self, path.replace("/", "_").replace("-", "_"))(method, **fields)

    def experiments_get_by_name(self, method, experiment_name):
        if experiment_name not in self.experiments:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST"}
        return 200, {"experiment": {"experiment_id": self.experiments[experiment_name]}}

    def experiments_create(self, method, name):
        self.experiments[name] = str(len(self.experiments) + 1)
        return 200, {"experiment_id": self.experiments[name]}

    def redirect(self, method, **fields):
        return 302, {}

    def runs_create(self, method, experiment_id, tags, **info):
        run = f"run{len(self.runs) + 1}"
        uri = f"{self.artifacts}{experiment_id}/{run}/artifacts"
        info |= {"run_id": run, "experiment_id": experiment_id, "artifact_uri": uri}
        self.runs[run] = {"info": info, "tags": {tag["key"]: tag["value"] for tag in tags}, "metrics": []}
        self.runs[run] |= {"params": {}, "inputs": []}
        return 200, {"run": {"info": info}}

    def runs_search(self, method, filter, **others):
        found = [run for run in self.runs.values() if f"'{run['tags']['mlmp.version']}'" in filter]
        return 200, {"runs": [{"info": run["info"]} for run in found]}

    def runs_get(self, method, run_id):
        return 200, {"run": {"info": self.runs[run_id]["info"]}}

    def runs_log_batch(self, method, run_id, params=(), metrics=()):
        self.runs[run_id]["params"] |= {param["key"]: param["value"] for param in params}
        self.runs[run_id]["metrics"] += [(one["key"], one["step"], one["value"]) for one in metrics]
        return 200, {}

    def runs_log_inputs(self, method, run_id, datasets):
        self.runs[run_id]["inputs"] = [one["dataset"]["name"] for one in datasets]
        return 200, {}

    def runs_update(self, method, run_id, **info):
        self.runs[run_id]["info"] |= info
        return 200, {}

    def registered_models_create(self, method, name):
        if name in self.models:
            return 400, {"error_code": "RESOURCE_ALREADY_EXISTS"}
        self.models[name] = []
        return 200, {}

    def model_versions_search(self, method, filter, **others):
        found = [
            one for versions in self.models.values() for one in versions if f"'{one['run_id']}'" in filter
        ]
        return 200, {"model_versions": found}

    def model_versions_create(self, method, name, **fields):
        self.models[name].append(fields | {"version": str(len(self.models[name]) + 1)})
        return 200, {"model_version": self.models[name][-1]}

    def registered_models_alias(self, method, name, alias, version=None):
        if method == "DELETE":
            del self.aliases[alias]
        else:
            self.aliases[alias] = version
        return 200, {}


def _handler(server: TrackingServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def respond(self):
            server.headers = dict(self.headers)
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = urlsplit(self.path.removeprefix("/api/2.0/"))
            if self.command == "PUT":
                server.files[unquote(parts.path.removeprefix("mlflow-artifacts/artifacts/"))] = content
                status, body = 200, {}
            else:
                fields = json.loads(content) if content else dict(parse_qsl(parts.query))
                status, body = server.answer(self.command, parts.path.removeprefix("mlflow/"), fields)
            answer = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            if status == 302:
                self.send_header("Location", server.url + "/api/2.0/mlflow/experiments/create")
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_DELETE = respond

        def log_message(self, *args):
            pass

    return Handler
