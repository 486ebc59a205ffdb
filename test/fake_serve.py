"""A serving program of the tests' own: speaks docs/decisions/0040 and does what its model file says.

The model is /model/model.bst: JSON {"scale": 2}. An instance is a number or a list of numbers; "slow" waits
until it is killed, "crash" ends the program. An empty model file, or one that is no JSON, cannot be loaded.
"""
import http.server
import json
import os
import socketserver
import struct
import sys
import threading

config = json.load(open(sys.argv[sys.argv.index("--config") + 1]))
ready = threading.Event()


def fail(words):
    print("LOAD_ERROR " + json.dumps(f"Failed to load model: {words} (Error code: 0)"), file=sys.stderr, flush=True)
    os._exit(3)


def score(instance):
    if instance == "crash":
        os._exit(9)
    if instance == "slow":
        threading.Event().wait()
    total = sum(instance) if isinstance(instance, list) else instance
    return total * model["scale"]


def frame(kind, payload):
    return kind + struct.pack("<I", len(payload)) + payload


def batch(body):
    results, errors, good, bad = [], {}, 0, 0
    for line in body.decode().splitlines():
        try:
            results.append(json.dumps(score(json.loads(line))) + "\n")
            good += 1
        except Exception as error:
            bad += 1
            errors[str(error)] = errors.get(str(error), 0) + 1
    out = frame(b"R", "".join(results).encode())
    for text, count in errors.items():
        out += frame(b"E", struct.pack("<Q", count) + text.encode())
    return out + frame(b"C", struct.pack("<QQ", good, bad))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "unix"

    def log_message(self, *_):
        pass

    def answer(self, status, body, kind="application/json"):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/healthz":
            self.answer(200 if ready.is_set() else 503, {})
        else:
            self.answer(200, {"framework": "XGBOOST", "engine": "python", "engine_reason": "a test's program"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/batch"):
            return self.answer(200, batch(body), "application/x-hodei-batch")
        try:
            predictions = [score(i) for i in json.loads(body)["instances"]]
        except Exception as error:
            return self.answer(400, {"error": f"Prediction failed: {error}"})
        self.answer(200, {"predictions": predictions})


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


server = Server(config["socket"], Handler)
os.chmod(config["socket"], 0o666)
threading.Thread(target=server.serve_forever, daemon=True).start()
try:
    model = json.load(open("/model/model.bst"))
except Exception as error:
    fail(error)
ready.set()
threading.Event().wait()
