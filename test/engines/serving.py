"""Starts hodei-serve on a model folder and speaks HTTP over its unix socket."""
import contextlib
import http.client
import json
import os
import pathlib
import socket
import subprocess
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = pathlib.Path(os.environ.get("HODEI_BIN_DIR", ROOT / "build" / "release" / "bin"))
PROGRAM = BIN / "serve" / "hodei-serve"
LOAD_SECONDS = 120


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=120)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Serving:
    def __init__(self, process, path, lines):
        self.process, self.path, self.lines = process, path, lines

    def call(self, method, target, body=None, content_type="application/json"):
        connection = UnixConnection(self.path)
        connection.request(method, target, body, {"Content-Type": content_type})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, data

    def predict(self, body):
        status, data = self.call("POST", "/predict", body if isinstance(body, (str, bytes)) else json.dumps(body))
        return status, json.loads(data)

    def metadata(self):
        return json.loads(self.call("GET", "/metadata")[1])


def configuration(folder, model, python, **keys):
    config = folder / (pathlib.Path(model).name + ".json")
    config.write_text(json.dumps({"format": 1, "model_dir": str(model), "socket": str(folder / "s.sock"),
                                  "python": python, "request_bytes_max": 1 << 26, **keys}))
    return config


@contextlib.contextmanager
def serving(folder, model, python, environment=None, **keys):
    """A running server of `model`; fails with what it printed when the model does not load."""
    config = configuration(folder, model, python, **keys)
    process = subprocess.Popen([PROGRAM, "--config", config], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, **(environment or {})})
    timer = threading.Timer(LOAD_SECONDS, process.kill)
    timer.start()
    errors = []
    reader = threading.Thread(target=lambda: errors.extend(process.stderr), daemon=True)
    reader.start()
    try:
        line = next((line for line in process.stdout if line.startswith("model loaded")), None)
        timer.cancel()
        if line is None:
            process.wait()
            reader.join()
            raise AssertionError("the model was not loaded: " + "".join(errors[-20:]))
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield Serving(process, folder / "s.sock", errors)
        process.terminate()
        assert process.wait(timeout=60) == 0
    finally:
        timer.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
