"""hodei-serve against the libraries themselves: 10,000 random rows of each kind of model, the contract of custom
code, and models that cannot be loaded. The models are trained with the runtime's own libraries."""
import io
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import runtime_environment  # noqa: E402
from serving import PROGRAM, configuration, serving  # noqa: E402

FLAT = ["xgb_logistic", "xgb_softprob", "xgb_softmax", "xgb_squared", "xgb_poisson", "xgb_dart", "xgb_classifier",
        "xgb_pickle", "sk_logistic", "sk_logistic_words", "sk_linear", "sk_ridge_two", "sk_poisson", "sk_svc",
        "sk_tree", "sk_forest", "sk_extra", "sk_boosting", "sk_boosting_real", "sk_hist", "sk_hist_real",
        "sk_pipeline", "sk_imputed", "sk_ordinal"]
OTHERS = {"xgb_linear": "xgboost-c", "sk_neighbours": "python", "tf_keras": "tensorflow-c"}
# Sums of the same numbers in another order.
TOLERANCE = 1e-6

CUSTOM = """
import os, sys, time
class Model:
    @classmethod
    def from_path(cls, path):
        model = cls()
        model.scale = float(open(os.path.join(path, "scale.txt")).read())
        return model
    def predict(self, instances, **kwargs):
        if instances == ["die"]:
            os.kill(os.getpid(), 9)
        if instances == ["sleep"]:
            time.sleep(600)
        if instances == ["raise"]:
            raise ValueError("no such thing")
        if instances == ["long"]:
            return "not a list"
        return [i * self.scale + kwargs.get("plus", 0) for i in instances]
"""


@pytest.fixture(scope="module")
def python():
    interpreter = runtime_environment.python()
    if interpreter is None:
        pytest.skip("the runtime's packages cannot be installed here")
    return interpreter


@pytest.fixture(scope="module")
def models(python, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    subprocess.run([python, pathlib.Path(__file__).with_name("make_models.py"), folder], check=True, timeout=600)
    return folder


def npy(array):
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def agree(ours, theirs):
    if theirs.dtype.kind in "US":
        return list(ours) == theirs.tolist()
    return np.allclose(np.asarray(ours, dtype="f8"), theirs.astype("f8"), rtol=TOLERANCE, atol=TOLERANCE)


def json_rows(rows):
    return [[None if x != x else x for x in row] for row in rows.tolist()]


@pytest.mark.parametrize("name", FLAT + list(OTHERS))
def test_answers_are_the_librarys(models, python, tmp_path, name):
    if not (models / f"{name}.rows.npy").exists():
        pytest.skip("the runtime has no such library")
    rows = np.load(models / f"{name}.rows.npy")
    answers = np.load(models / f"{name}.answers.npy")
    with serving(tmp_path, models / name, python) as server:
        metadata = server.metadata()
        assert metadata["engine"] == OTHERS.get(name, "flat-trees"), metadata["engine_reason"]
        if answers.dtype.kind in "US":
            status, answer = server.predict({"instances": json_rows(rows)})
            assert status == 200, answer
            assert agree(answer["predictions"], answers)
        else:
            status, data = server.call("POST", "/predict", npy(rows), "application/octet-stream")
            assert status == 200, data[:500]
            got = np.load(io.BytesIO(data))
            assert got.shape == answers.shape
            assert agree(got, answers)
        status, answer = server.predict({"instances": json_rows(rows[:70])})
        assert status == 200, answer
        predictions = answer["predictions"]
        if name.startswith("tf_"):
            predictions = [next(iter(p.values())) for p in predictions]
        assert agree(predictions, answers[:70])


def test_a_pipeline_of_words_is_served_by_the_interpreter(models, python, tmp_path):
    with serving(tmp_path, models / "sk_strings", python) as server:
        assert server.metadata()["engine"] == "python"
        assert "categories that are no numbers" in server.metadata()["engine_reason"]
        status, answer = server.predict({"instances": [["red", 1.5], ["blue", -1.5]]})
        assert (status, answer) == (200, {"predictions": [1, 0]})
        status, answer = server.predict({"instances": [["green", 1.5]]})
        assert status == 400
        assert answer["error"].startswith("Prediction failed: Exception during sklearn prediction: Found unknown")


def test_signatures_strings_and_bytes(models, python, tmp_path):
    if not (models / "tf_several").exists():
        pytest.skip("the runtime has no TensorFlow")
    long = "a text of more than twenty-two bytes"
    with serving(tmp_path, models / "tf_several", python) as server:
        status, answer = server.predict({"instances": [{"x": [1, 2, 3], "key": "a"},
                                                       {"x": [0, 0, 1], "key": long}]})
        assert status == 200, answer
        assert answer["predictions"][0] == {"key": "a", "raw_bytes": {"b64": "YQ=="}, "y": [16.0, 22.0]}
        assert answer["predictions"][1]["key"] == long
        status, answer = server.predict({"signature_name": "text", "instances": [long, {"b64": "aGk="}, {"text": ""}]})
        assert answer == {"predictions": [{"length": len(long)}, {"length": 2}, {"length": 0}]}
        status, answer = server.predict({"instances": [{"x": [1, 2, 3]}]})
        assert (status, answer["error"]) == (
            400, "Prediction failed: Input key was missing in at least one input instance.")
        status, answer = server.predict({"signature_name": "none", "instances": ["a"]})
        assert answer["error"] == "Prediction failed: No signature found for signature key none."
        chunk = b"raw line\n{\"not\": parsed}\n"
        status, data = server.call("POST", "/batch?signature_name=text", chunk, "text/plain")
        assert b'{"length": 8}\n{"length": 15}\n' in data


def test_a_later_start_takes_the_compiled_form_and_no_interpreter(models, python, tmp_path):
    rows = np.load(models / "sk_forest.rows.npy")
    answers = np.load(models / "sk_forest.answers.npy")
    form = tmp_path / "compiled"
    with serving(tmp_path, models / "sk_forest", python) as server:
        reason = server.metadata()["engine_reason"]
        status, data = server.call("GET", "/compiled")
        assert status == 200
        form.write_bytes(data)
        assert server.call("GET", "/compiled")[0] == 404, "it is given once"
    with serving(tmp_path, models / "sk_forest", "/bin/false", compiled=str(form)) as server:
        assert server.metadata()["engine_reason"] == reason
        status, data = server.call("POST", "/predict", npy(rows), "application/octet-stream")
        assert status == 200 and agree(np.load(io.BytesIO(data)), answers)
        assert server.call("GET", "/compiled")[0] == 404


@pytest.mark.parametrize("damage", [lambda form: b"", lambda form: b"HCF1", lambda form: form[:-100], lambda form: b"HCF0" + form[4:],
                                    lambda form: form[:8] + b"x" * 50 + form[58:]])
def test_a_damaged_compiled_form_costs_a_load_and_no_answer(models, python, tmp_path, damage):
    rows = np.load(models / "sk_logistic.rows.npy")[:50]
    form = tmp_path / "compiled"
    with serving(tmp_path, models / "sk_logistic", python) as server:
        form.write_bytes(damage(server.call("GET", "/compiled")[1]))
    with serving(tmp_path, models / "sk_logistic", python, compiled=str(form)) as server:
        assert any("the compiled form is not used" in line for line in server.lines)
        status, answer = server.predict({"instances": json_rows(rows)})
        assert status == 200 and agree(answer["predictions"], np.load(models / "sk_logistic.answers.npy")[:50])


@pytest.fixture()
def custom(tmp_path):
    code = tmp_path / "code"
    code.mkdir()
    (code / "routine.py").write_text(CUSTOM)
    model = tmp_path / "model"
    model.mkdir()
    (model / "scale.txt").write_text("2")
    return model, {"PYTHONPATH": str(code)}


def test_custom_code_and_its_failures(custom, tmp_path):
    model, environment = custom
    with serving(tmp_path, model, "/usr/bin/python3", environment, prediction_class="routine.Model",
                 deadline_ms=2000) as server:
        assert server.predict({"instances": [1, 2.5]}) == (200, {"predictions": [2.0, 5.0]})
        assert server.predict({"instances": [1], "plus": 1}) == (200, {"predictions": [3.0]})
        status, answer = server.predict({"instances": ["raise"]})
        assert (status, answer["error"]) == (
            400, "Prediction failed: Exception during user code prediction: ValueError: no such thing")
        status, answer = server.predict({"instances": ["long"]})
        assert status == 400 and "must return a list" in answer["error"]
        status, answer = server.predict({"instances": ["die"]})
        assert status == 500 and "ended while it worked" in answer["error"]
        assert server.predict({"instances": [1]}) == (200, {"predictions": [2.0]})
        status, answer = server.predict({"instances": ["sleep"]})
        assert status == 504, answer
        assert server.predict({"instances": [1]}) == (200, {"predictions": [2.0]})
        assert json.loads(server.call("GET", "/metrics")[1])["worker_restarts"] == 2
        status, answer = server.predict("{\"instances\": [")
        assert status == 400 and "not JSON" in answer["error"]


def load_error(tmp_path, python, model, **keys):
    config = configuration(tmp_path, model, python, **keys)
    ended = subprocess.run([PROGRAM, "--config", config], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 3, ended
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("LOAD_ERROR ")
    return json.loads(last.removeprefix("LOAD_ERROR "))


@pytest.mark.parametrize("files,words", [
    ({}, "No model file was found"),
    ({"model.bst": b""}, "model.bst is empty"),
    ({"model.bst": b"{\"learner\": 1}"}, "Failed to load model: "),
    ({"model.bst": b"\x00" * 100}, "Failed to load model: "),
    ({"model.bst": b"x", "model.joblib": b"x"}, "Multiple model files are found"),
    ({"model.joblib": b""}, "Could not load the model: model.joblib"),
    ({"model.pkl": b"cos\nabort\n(tR."}, "the interpreter ended while it loaded the model"),
    ({"model.pkl": b"cbuiltins\nlist\n(tR."}, "Invalid model type detected: builtins.list"),
    ({"saved_model.pb": b"\xff\xff"}, "Failed to load model: "),
])
def test_what_cannot_be_loaded_says_why(python, tmp_path, files, words):
    model = tmp_path / "model"
    model.mkdir()
    for name, data in files.items():
        (model / name).write_bytes(data)
    error = load_error(tmp_path, python, model)
    assert words in error
    assert error.endswith("(Error code: 0)")


def test_custom_code_that_cannot_be_loaded_says_why(custom, tmp_path):
    model, _ = custom
    error = load_error(tmp_path, "/usr/bin/python3", model, prediction_class="absent.Model")
    assert "absent.Model cannot be found or imported: ModuleNotFoundError" in error
    assert error.startswith("There was a problem processing the user code")
