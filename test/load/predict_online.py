"""Online prediction: CPU per request of hodei-serve alone, and of hodeid with it, beside FastAPI, Flask and http.server
with the same model; and the way back from no node to the first answer.

CPU is read from /proc/PID/task/*/schedstat over all processes of a server; rounds are interleaved.
"""
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "test" / "engines"), str(ROOT / "test"), str(pathlib.Path(__file__).resolve().parent)]
import runtime_environment  # noqa: E402
from _peers import load  # noqa: E402
from conftest import ENVIRONMENT_CACHE, Server  # noqa: E402

SERVE = ROOT / "build" / "release" / "bin" / "serve" / "hodei-serve"
PEER_PACKAGES = ["fastapi", "uvicorn[standard]", "flask", "gunicorn"]
ROUNDS, OURS, THEIRS = 5, 3000, 300
CONNECTIONS = 16
OVER_BARE_US = 14
START_SECONDS = 180
POLL_SECONDS = 0.005
# Of the models: file and framework.
MODELS = {"xgb": ("model.bst", "xgboost"), "logreg": ("model.joblib", "scikit-learn")}

BODY = json.dumps({"instances": [[round(0.1 * i - 1.5, 2) for i in range(30)]]}).encode()

MAKE = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import joblib, numpy as np, xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
folder = sys.argv[1]
r = np.random.default_rng(0)
X = r.normal(size=(3000, 30)); y = (X[:, :5].sum(1) + r.normal(size=3000) > 0).astype(int)
b = xgboost.train({"objective": "binary:logistic", "max_depth": 6, "eta": .1}, xgboost.DMatrix(X, label=y), 100)
for name in ("xgb", "logreg", "forest", "keras"):
    os.mkdir(f"{folder}/{name}")
open(f"{folder}/xgb/model.bst", "wb").write(bytes(b.save_raw("ubj")))
joblib.dump(LogisticRegression().fit(X, y), f"{folder}/logreg/model.joblib")
joblib.dump(RandomForestClassifier(100, random_state=0).fit(X, y), f"{folder}/forest/model.joblib")
try:
    import tensorflow as tf
    k = tf.keras.Sequential([tf.keras.Input((30,), name="x"), tf.keras.layers.Dense(32, activation="relu"), tf.keras.layers.Dense(1)])
    k.export(f"{folder}/keras", verbose=False)
except ImportError:
    pass
"""

PEER = """
import json, os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["OMP_NUM_THREADS"] = "1"
import numpy as np
kind, folder = os.environ["PEER_KIND"], os.environ["PEER_MODEL"]
if kind == "xgb":
    import xgboost
    booster = xgboost.Booster({"nthread": 1}); booster.load_model(bytearray(open(folder + "/model.bst", "rb").read()))
    def predict(rows): return booster.inplace_predict(np.array(rows, dtype="f4")).tolist()
elif kind == "keras":
    import tensorflow as tf
    signature = tf.saved_model.load(folder).signatures["serving_default"]
    def predict(rows):
        return next(iter(signature(tf.constant(rows, dtype=tf.float32)).values())).numpy().tolist()
else:
    import joblib
    model = joblib.load(folder + "/model.joblib")
    def predict(rows): return model.predict(np.array(rows)).tolist()
predict([[0.0] * 30])
if os.environ["PEER_SERVER"] == "fastapi":
    from fastapi import FastAPI, Request
    app = FastAPI()
    @app.post("/predict")
    async def handle(request: Request):
        return {"predictions": predict((await request.json())["instances"])}
elif os.environ["PEER_SERVER"] == "flask":
    from flask import Flask, request
    app = Flask("peer")
    @app.post("/predict")
    def handle():
        return {"predictions": predict(request.get_json()["instances"])}
elif __name__ == "__main__":
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            data = json.dumps({"predictions": predict(body["instances"])}).encode()
            self.send_response(200); self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data))); self.end_headers(); self.wfile.write(data)
        def log_message(self, *arguments): pass
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def family(pid):
    """The process and all below it."""
    found = [pid]
    for one in found:
        for task in os.listdir(f"/proc/{one}/task"):
            found += [int(p) for p in pathlib.Path(f"/proc/{one}/task/{task}/children").read_text().split()]
    return found


def cpu_us(pids):
    total = 0
    for one in {member for pid in pids for member in family(pid)}:
        for task in os.listdir(f"/proc/{one}/task"):
            total += int(pathlib.Path(f"/proc/{one}/task/{task}/schedstat").read_text().split()[0])
    return total / 1000


def rss_mb(pid):
    pages = sum(int(pathlib.Path(f"/proc/{one}/statm").read_text().split()[1]) for one in family(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Target:
    """A server that answers `body`, and all processes whose time counts for it."""

    def __init__(self, process, port, body, path="/predict", headers="", others=()):
        self.process, self.port, self.pids = process, port, [process.pid, *others]
        self.request = (f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Type: application/json\r\n"
                        f"Content-Length: {len(body)}\r\n\r\n").encode() + body

    def connect(self):
        """Once it answers."""
        limit = time.monotonic() + START_SECONDS
        while True:
            try:
                connection = socket.create_connection(("127.0.0.1", self.port))
                connection.settimeout(START_SECONDS)
                if self.ask(connection).startswith(b"HTTP/1.1 200 "):
                    return connection
                connection.close()
            except OSError:
                pass
            if time.monotonic() > limit or self.process.poll() is not None:
                raise RuntimeError("a server did not start")
            time.sleep(POLL_SECONDS)  # between looks at a server that is starting

    def first_answer_ms(self):
        started = time.monotonic()
        self.connect().close()
        return (time.monotonic() - started) * 1000

    def ask(self, connection):
        connection.sendall(self.request)
        answer = b""
        while not answer.rstrip().endswith(b"}"):
            piece = connection.recv(65536)
            if not piece:
                raise OSError("the server closed the connection")
            answer += piece
        return answer

    def cpu_per_request(self, count):
        connection = self.connect()
        before = cpu_us(self.pids)
        for _ in range(count):
            self.ask(connection)
        used = cpu_us(self.pids) - before
        connection.close()
        return used / count


    def cpu_per_request_of_many(self, count):
        """The same with CONNECTIONS clients at once, who do not let the server sleep between two requests."""
        return load(self.port, self.request, connections=CONNECTIONS, requests=count,
                    pids={member for pid in self.pids for member in family(pid)})["cpu_us"]


@contextlib.contextmanager
def running(command, port, body, environment):
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield Target(process, port, body)
    finally:
        process.terminate()
        process.wait()


def serving_programs(model):
    """The host's numbers of the programs that serve `model`."""
    found = []
    for process in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if process.name.isdigit() and b"--config\0/serve/config.json" in (process / "cmdline").read_bytes():
                if json.loads((process / "root/serve/config.json").read_text())["model"] == model:
                    found.append(int(process.name))
    return found


@contextlib.contextmanager
def whole_server(data, folder, name, body, config=""):
    """hodeid with a version of a model: a request is authenticated, limited, counted and passed on."""
    ENVIRONMENT_CACHE.mkdir(parents=True, exist_ok=True)
    server = Server(data, config).start()
    env = server.environment()
    file, framework = MODELS[name]

    def run(words):
        subprocess.run(["bash", "-c", words], env=env, check=True, capture_output=True)

    try:
        run(f"hodei storage buckets create gs://bench && hodei storage cp {folder}/{name}/{file} gs://bench/m/{file} && "
            "hodei ml-engine models create whole --regions us-central1 && hodei ml-engine versions create v1 --model whole "
            f"--origin gs://bench/m/ --runtime-version 2.11 --python-version 3.7 --framework {framework}")
        try:
            yield Target(server.process, int(server.url.rsplit(":", 1)[1]), body,
                         path="/v1/projects/hodei-local/models/whole:predict",
                         headers=f"Authorization: Bearer {server.token}\r\n", others=serving_programs("whole"))
        finally:
            run("hodei ml-engine versions delete v1 --model whole --quiet")
    finally:
        server.stop()


def alone(name, folder, runtime, body):
    """hodei-serve with the model, without a server."""
    config, port = folder / f"{name}.json", free_port()
    config.write_text(json.dumps({"format": 1, "model_dir": str(folder / name), "python": runtime}))
    return running([SERVE, "--config", config, "--port", str(port)], port, body, {})


def wake(name, folder, runtime):
    """Rounds of (the first answer of a version without a node, that of hodei-serve alone), in ms."""
    with whole_server(folder / f"wake-{name}", folder, name, BODY, "serving: {idle_seconds: 1}\n") as whole:
        for _ in range(ROUNDS):
            with alone(name, folder, runtime, BODY) as program:
                loaded_ms = program.first_answer_ms()
            while serving_programs("whole"):
                time.sleep(0.05)  # until it is idle for long enough
            yield whole.first_answer_ms(), loaded_ms


def peers(folder):
    """An environment with the peers beside the runtime's packages; None when it cannot be made."""
    runtime = runtime_environment.python()
    if runtime is None:
        return None, None
    venv = folder / "peers"
    subprocess.run(["/usr/bin/python3", "-m", "venv", venv], check=True)
    site = subprocess.run([runtime, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True,
                          check=True).stdout.strip()
    install = subprocess.run([venv / "bin" / "pip", "install", "-q", *PEER_PACKAGES], capture_output=True)
    (next((venv / "lib").glob("python3*")) / "site-packages" / "runtime.pth").write_text(site + "\n")
    return runtime, venv / "bin" if install.returncode == 0 else None


def commands(bin_dir, kinds, folder):
    (folder / "peer.py").write_text(PEER)
    made = {}
    for server in kinds:
        port = free_port()
        if server == "fastapi":
            command = [bin_dir / "uvicorn", "peer:app", "--app-dir", folder, "--port", str(port), "--no-access-log", "--log-level", "error"]
        elif server == "flask":
            command = [bin_dir / "gunicorn", "-w", "1", "-k", "gthread", "--threads", "4", "--chdir", folder, "-b", f"127.0.0.1:{port}", "peer:app"]
        else:
            command = [bin_dir / "python", folder / "peer.py", str(port)]
        made[server] = (command, port)
    return made


def bare_tensorflow_us(runtime, model):
    """CPU of a bare call of TensorFlow's C API."""
    command = [runtime, ROOT / "test" / "load" / "bare_tensorflow.py", model, "30", str(OURS)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)


def compare(name, folder, runtime, bin_dir, kinds):
    """One model behind ours and the peers, all running, measured in turn."""
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(alone(name, folder, runtime, BODY))
        start_ms = ours.first_answer_ms()
        whole = stack.enter_context(whole_server(folder / "server", folder, name, BODY)) if name == "xgb" else None
        others = {}
        for server, (command, peer_port) in (commands(bin_dir, kinds, folder) if bin_dir else {}).items():
            environment = {"PEER_KIND": name, "PEER_MODEL": str(folder / name), "PEER_SERVER": server}
            others[server] = stack.enter_context(running(command, peer_port, BODY, environment))
            others[server].connect().close()
        for _ in range(ROUNDS):
            mine = {name: ours.cpu_per_request(OURS)}
            if whole:
                mine[f"{name}_whole"] = whole.cpu_per_request(OURS)
            for row, value in mine.items():
                yield row, None, value, 0
            if name == "keras":
                bare = bare_tensorflow_us(runtime, folder / name)
                print(f"bench predict_keras_bare {mine[name]:.2f} us peer=c_api:{bare:.2f}")
                print(f"bench predict_keras_over_bare {mine[name] - bare:.2f} us max={OVER_BARE_US} "
                      "note=CPU of hodei-serve less that of the same call of TensorFlow's C API")
            if whole:
                many = whole.cpu_per_request_of_many(10 * OURS)
                print(f"bench predict_{name}_whole_{CONNECTIONS} {many:.2f} us max=35 note={NOTES['xgb_whole']}, {CONNECTIONS} clients at once")
            for server, target in others.items():
                theirs = target.cpu_per_request(THEIRS)
                for row, value in mine.items():
                    yield row, server, value, theirs
        print(f"bench predict_{name}_start_ms {start_ms:.0f} ms note=from start to the first answer, library's loading included")
        print(f"bench predict_{name}_rss {rss_mb(ours.process.pid):.1f} MB note=resident, idle after the rounds")


WAKE_MORE_MS = 100
TARGETS = {"fastapi": 6, "flask": 8, "http.server": 3.5}
NOTES = {"": "CPU of hodei-serve for one row of 30 in JSON",
         "xgb_whole": "CPU of hodeid and hodei-serve for one row of 30 in JSON: authenticated, limited, counted, passed on"}


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hodei-predict-"))
    try:
        runtime, bin_dir = peers(folder)
        if runtime is None:
            print("bench predict_xgb 0 us skip=the runtime's packages cannot be installed here")
            return
        subprocess.run([runtime, "-c", MAKE, folder], check=True, stderr=subprocess.DEVNULL)
        for name, kinds in (("xgb", TARGETS), ("logreg", ["fastapi", "flask"]), ("forest", ["fastapi", "flask"]), ("keras", ["fastapi"])):
            if name == "keras" and not (folder / "keras" / "saved_model.pb").exists():
                continue
            for row, server, mine, theirs in compare(name, folder, runtime, bin_dir, kinds):
                if server is None:
                    limit = " max=35" if name == "xgb" else ""
                    print(f"bench predict_{row} {mine:.2f} us{limit} note={NOTES.get(row, NOTES[''])}")
                else:
                    ratio = f" max_ratio={1 / TARGETS[server]:.4f}" if name != "keras" else ""
                    print(f"bench predict_{row}_vs_{server} {mine:.2f} us peer={server}:{theirs:.2f}{ratio}")
            sys.stdout.flush()
        for name in MODELS:
            for woken_ms, loaded_ms in wake(name, folder, runtime):
                print(f"bench wake_{name} {woken_ms:.0f} ms peer=load_alone:{loaded_ms:.0f}")
                print(f"bench wake_{name}_more {woken_ms - loaded_ms:.0f} ms max={WAKE_MORE_MS} "
                      "note=from no node to the first answer, less what hodei-serve alone needs for library and model")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
