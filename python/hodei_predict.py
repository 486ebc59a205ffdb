"""The Python side of prediction: loads a model once and answers from forked workers.

    python hodei_predict.py CONFIG_JSON      (descriptor 3: the control socket)

The first process imports what the model needs and, for pickles, loads it; it never predicts. Each
worker is a fork of it and shares its memory. A worker takes one request at a time from its own socket;
the serving program kills one that is late and asks for another.

Control messages (one packet each): from here "R" (ready) or "E" and JSON {"code", "message"};
to here "F" with a socket: fork a worker on it; from here "P" and its process id.
Frames on a worker's socket: <kind u32, head bytes u32, payload bytes u64>, head (JSON), payload.
"""
import array
import gc
import importlib
import inspect
import json
import os
import pickle
import signal
import socket
import struct
import sys
import traceback
import types
import warnings

ARRAY, BODY, DESCRIBE = 1, 2, 3
ANSWER_ARRAY, ANSWER_TEXTS, ANSWER_STRINGS, DESCRIPTION, READY, ERROR = 16, 17, 18, 19, 32, 31
LOAD, INPUTS, RUN, OUTPUTS, USER_CODE = range(5)
FRAME = struct.Struct("<IIQ")
CONTROL_FD = 3
MESSAGE_MAX = 4096


class PredictionError(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def dump(value):
    """JSON of one prediction; numpy's values as Python's, NaN and infinities as strings."""
    return json.dumps(plain(value), allow_nan=False)


def plain(value):
    if isinstance(value, float):
        if value != value:
            return "NaN"
        if value in (float("inf"), float("-inf")):
            return "Infinity" if value > 0 else "-Infinity"
        return value
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, bytes):
        import base64
        return {"b64": base64.b64encode(value).decode("ascii")}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return value


# -- models


class Pickled:
    """An object with predict(): scikit-learn's, and wrappers that follow it."""

    def __init__(self, path, framework):
        self.model = load_pickle(path)
        self.family = self._family(framework)
        self.names = getattr(self.model, "feature_names_in_", None)
        warnings.filterwarnings("ignore", message="X does not have valid feature names")

    def start(self):
        """Nothing: the forks share what the first process loaded."""

    def _family(self, framework):
        parts = []
        for step in [self.model] + [s for _, s in getattr(self.model, "steps", [])]:
            parts.append(type(step).__module__.split("."))
        family = ("xgboost" if parts[0][0] == "xgboost" else
                  "sklearn" if "sklearn" in parts[0] else None)
        kind = f"{type(self.model).__module__}.{type(self.model).__name__}"
        wanted = {"SCIKIT_LEARN": "sklearn", "XGBOOST": "xgboost"}.get(framework, family)
        if family is None or family != wanted:
            raise PredictionError(LOAD, f"Invalid model type detected: {kind}. "
                                        "Please make sure the model file is an exported "
                                        f"{wanted or 'sklearn or xgboost'} model.")
        return family

    def predict_array(self, values):
        if self.names is not None:
            import pandas
            values = pandas.DataFrame(values, columns=self.names)
        return self._predict(values)

    def _predict(self, values):
        try:
            return self.model.predict(values)
        except Exception as error:
            raise PredictionError(RUN, f"Exception during {self.family} prediction: {error}")

    def predict_body(self, request):
        import numpy
        instances = instances_of(request)
        try:
            if all(isinstance(i, dict) for i in instances):
                import pandas
                values = pandas.DataFrame(instances)
            else:
                values = numpy.array(instances)
                if values.dtype.kind in "US" and not all_strings(instances):
                    values = numpy.array(instances, dtype=object)
                if self.names is not None and values.ndim == 2:
                    import pandas
                    values = pandas.DataFrame(values, columns=self.names).infer_objects()
        except ValueError as error:
            raise PredictionError(INPUTS, f"the instances make no array: {error}")
        return self._predict(values)

    def describe(self):
        """What the model is; and its compiled form, or why there is none."""
        kind = f"{type(self.model).__module__}.{type(self.model).__name__}"
        head = {"family": self.family, "class": kind,
                "columns": int(getattr(self.model, "n_features_in_", 0) or 0)}
        if self.family == "xgboost":
            return self._describe_xgboost(head)
        export = types.ModuleType("hodei_export")
        with open("/proc/self/fd/5", encoding="utf-8") as source:
            exec(compile(source.read(), "hodei_export.py", "exec"), export.__dict__)
        try:
            blob, (rows, answers) = export.export(self.model)
            head["answers"], data = encode_array(answers)
        except export.Unsupported as error:
            return dict(head, reason=str(error)), []
        except Exception as error:
            return dict(head, reason=f"{type(error).__name__}: {error}"), []
        head.update(blob_bytes=len(blob), rows=list(rows.shape), rows_bytes=rows.nbytes)
        return head, [blob, rows.tobytes(), data]

    def _describe_xgboost(self, head):
        model = self.model
        if not hasattr(model, "get_booster"):
            head["columns"] = int(model.num_features())
            return head, [bytes(model.save_raw(raw_format="ubj"))]
        booster = model.get_booster()
        try:
            booster = booster[: int(model.best_iteration) + 1]
        except AttributeError:
            pass
        if hasattr(model, "classes_") and hasattr(model, "predict_proba"):
            classes = list(range(int(model.n_classes_)))
            if [int(c) for c in model.classes_] != classes:
                raise PredictionError(LOAD, "XGBClassifier with labels that are not 0 to n-1")
            head["classes"] = len(classes)
        return head, [bytes(booster.save_raw(raw_format="ubj"))]


class TorchScript:
    def __init__(self, path):
        import torch
        self.torch, self.path, self.family = torch, path, "torch"

    def start(self):
        # After the fork: its threads would not survive one.
        self.model = self.torch.jit.load(self.path, map_location="cpu").eval()

    def predict_body(self, request):
        import numpy
        try:
            values = numpy.array(instances_of(request))
            if values.dtype.kind == "f":
                values = values.astype("f4")
            values = self.torch.from_numpy(values)
        except (TypeError, ValueError) as error:
            raise PredictionError(INPUTS, f"the instances make no tensor: {error}")
        try:
            with self.torch.no_grad():
                return self._rows(self.model(values))
        except RuntimeError as error:
            raise PredictionError(RUN, f"Exception during torch prediction: {error}")

    def _rows(self, answer):
        if isinstance(answer, dict):
            return [dict(zip(answer, row)) for row in zip(*(self._rows(v) for v in answer.values()))]
        if isinstance(answer, (tuple, list)):
            return [list(row) for row in zip(*(self._rows(v) for v in answer))]
        return answer.cpu().numpy()


class CustomCode:
    """The reference's contract of a custom prediction routine."""

    def __init__(self, name, model_dir):
        self.family, self.model_dir = "custom", model_dir
        module, _, attribute = name.rpartition(".")
        try:
            self.factory = getattr(importlib.import_module(module), attribute)
        except Exception as error:
            raise PredictionError(USER_CODE, f"{name} cannot be found or imported: "
                                             f"{type(error).__name__}: {error}")
        if not hasattr(self.factory, "from_path"):
            raise PredictionError(USER_CODE, f"class {name} needs a from_path(model_dir) classmethod")
        predict = getattr(self.factory, "predict", None)
        if predict is None:
            raise PredictionError(USER_CODE, f"class {name} needs a predict method")
        if inspect.getfullargspec(predict).args != ["self", "instances"]:
            raise PredictionError(USER_CODE, f"the positional arguments of {name}.predict must be "
                                             "(self, instances)")

    def start(self):
        # After the fork: what user code starts, such as threads, would not survive one.
        try:
            self.model = self.factory.from_path(self.model_dir)
        except Exception as error:
            traceback.print_exc()
            raise PredictionError(USER_CODE, f"from_path raised {type(error).__name__}: {error}")

    def predict_body(self, request):
        instances = instances_of(request)
        arguments = {k: v for k, v in request.items() if k != "instances"}
        try:
            answer = self.model.predict(instances, **arguments)
        except Exception as error:
            traceback.print_exc()
            raise PredictionError(USER_CODE, f"Exception during user code prediction: "
                                             f"{type(error).__name__}: {error}")
        if not isinstance(answer, (list, tuple)) and not hasattr(answer, "tolist"):
            raise PredictionError(OUTPUTS, "predict must return a list, one prediction for each "
                                           f"instance, not {type(answer).__name__}")
        return answer


def load_pickle(path):
    errors = []
    for load in (load_with_joblib, load_with_pickle):
        try:
            return load(path)
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")
    raise PredictionError(LOAD, f"Could not load the model: {os.path.basename(path)}. {errors[0]}"
                          + ("" if errors[0] == errors[1] else f"; {errors[1]}"))


def load_with_joblib(path):
    import joblib
    return joblib.load(path)


def load_with_pickle(path):
    with open(path, "rb") as file:
        return pickle.load(file)


def instances_of(request):
    if not isinstance(request, dict) or "instances" not in request:
        raise PredictionError(INPUTS, 'Missing "instances" field in request body')
    if not isinstance(request["instances"], list) or not request["instances"]:
        raise PredictionError(INPUTS, '"instances" must be a list that is not empty')
    return request["instances"]


def all_strings(value):
    if isinstance(value, list):
        return all(all_strings(v) for v in value)
    return isinstance(value, str)


# -- frames


def send(sock, kind, head, parts=()):
    text = json.dumps(head).encode()
    size = sum(memoryview(p).nbytes for p in parts)
    # One call for small answers; sendall for what is left of large ones.
    buffers = [FRAME.pack(kind, len(text), size) + text, *parts]
    sent = sock.sendmsg(buffers)
    for buffer in buffers:
        view = memoryview(buffer).cast("B") if memoryview(buffer).nbytes else memoryview(b"")
        if sent >= view.nbytes:
            sent -= view.nbytes
            continue
        sock.sendall(view[sent:])
        sent = 0


def receive_into(sock, view):
    while view.nbytes:
        got = sock.recv_into(view)
        if got == 0:
            os._exit(0)
        view = view[got:]


def receive(sock, size):
    data = bytearray(size)
    receive_into(sock, memoryview(data))
    return data


def encode_array(answers):
    """(head, data) of an array of numbers, or None for the data of one of strings."""
    import numpy
    answers = numpy.asarray(answers)
    if answers.dtype.kind == "f" and answers.dtype.itemsize not in (4, 8):
        answers = answers.astype("f4" if answers.dtype.itemsize == 2 else "f8")
    if answers.dtype.kind in "fiub":
        data = numpy.ascontiguousarray(answers, dtype=answers.dtype.newbyteorder("<"))
        return {"dtype": data.dtype.str[1:], "shape": list(answers.shape)}, data.reshape(-1).view("u1")
    flat = answers.reshape(-1).tolist()
    if all(isinstance(v, str) for v in flat):
        return {"dtype": "str", "shape": list(answers.shape)}, texts([v.encode() for v in flat])
    raise PredictionError(OUTPUTS, f"predict returned values of type {answers.dtype}")


def texts(items):
    ends, total = array.array("Q"), 0
    for item in items:
        total += len(item)
        ends.append(total)
    return struct.pack("<Q", len(ends)) + ends.tobytes() + b"".join(items)


def answer(sock, model, kind, head, size):
    if kind == ARRAY:
        import numpy
        values = numpy.empty(head["shape"], dtype=head["dtype"])
        receive_into(sock, memoryview(values.reshape(-1).view("u1")))
        result, data = encode_array(model.predict_array(values))
        return ANSWER_ARRAY, result, [data]
    payload = receive(sock, size)
    if kind == BODY:
        try:
            request = json.loads(payload)
        except ValueError as error:
            raise PredictionError(INPUTS, f"the body is not JSON: {error}")
        rows = list(model.predict_body(request))
        try:
            return ANSWER_TEXTS, {}, [texts([dump(row).encode() for row in rows])]
        except (TypeError, ValueError) as error:
            raise PredictionError(OUTPUTS, f"predict's result is not JSON: {error}")
    head, parts = model.describe()
    return DESCRIPTION, head, parts


def serve(sock, model):
    try:
        model.start()
    except PredictionError as error:
        return send(sock, ERROR, {"code": error.code, "message": str(error)[:MESSAGE_MAX]})
    send(sock, READY, {"family": model.family})
    while True:
        kind, head_size, size = FRAME.unpack(receive(sock, FRAME.size))
        head = json.loads(receive(sock, head_size)) if head_size else {}
        try:
            reply = answer(sock, model, kind, head, size)
        except PredictionError as error:
            reply = ERROR, {"code": error.code, "message": str(error)[:MESSAGE_MAX]}, []
        except MemoryError:
            os._exit(1)
        except Exception as error:
            traceback.print_exc()
            message = f"{type(error).__name__}: {error}"
            reply = ERROR, {"code": RUN, "message": message[:MESSAGE_MAX]}, []
        send(sock, *reply)


def make_model(config):
    path = os.path.join(config["model_dir"], config["file"])
    if config["kind"] == "custom":
        return CustomCode(config["prediction_class"], config["model_dir"])
    if config["kind"] == "torchscript":
        try:
            return TorchScript(path)
        except ImportError as error:
            raise PredictionError(LOAD, f"model.pt needs the package torch: {error}")
    return Pickled(path, config["framework"])


def main():
    # The folder of this file is no place to import from.
    if sys.path and sys.path[0].startswith("/proc/"):
        del sys.path[0]
    control = socket.socket(fileno=CONTROL_FD)
    try:
        model = make_model(json.loads(sys.argv[1]))
    except PredictionError as error:
        message = json.dumps({"code": error.code, "message": str(error)[:MESSAGE_MAX]})
        control.send(b"E" + message.encode())
        return 1
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    control.send(b"R")
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 16, 1)
        if not message:
            return 0
        process = os.fork()
        if process == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            serve(socket.socket(fileno=descriptors[0]), model)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
        os.close(descriptors[0])
        control.send(b"P%d" % process)


if __name__ == "__main__":
    sys.exit(main())
