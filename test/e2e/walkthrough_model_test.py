"""The second half of the walkthrough: a job trains a model, a version serves it, a batch job scores a file.
The commands are those of the tutorial, with `hodei` and, where they are installed, with gcloud and gsutil."""
import json

import pytest

from conftest import has, run, wait_for_state

TRAINER = '''
import argparse, os, time
import numpy as np
import xgboost as xgb
from google.cloud import storage

parser = argparse.ArgumentParser()
parser.add_argument("--job-dir")
bucket, _, prefix = parser.parse_args().job_dir.removeprefix("gs://").partition("/")
x = np.arange(400, dtype="f4").reshape(-1, 2) % 17  # the first is the greater only in [16, 0]
booster = xgb.train({"max_depth": 3, "objective": "binary:logistic", "nthread": 1},
                    xgb.DMatrix(x, label=(x[:, 0] > x[:, 1]).astype(int)), 10)
booster.save_model("model.json")
os.rename("model.json", "model.bst")
name = f"{prefix}/export/Servo/{int(time.time())}/model.bst"
storage.Client().bucket(bucket).blob(name).upload_from_filename("model.bst")
'''

SCRIPT = '''
set -eu
MODEL_NAME={model}
OUTPUT_PATH=gs://models-walk/train_1
REGION=us-east1
{ml} models create $MODEL_NAME --regions=$REGION
MODEL_BINARIES=$({ls} -r $OUTPUT_PATH/export | grep -o 'gs://.*/Servo/[0-9]*/' | head -1)
{ml} versions create v1 --model $MODEL_NAME --origin $MODEL_BINARIES --runtime-version 1.2
JOB_NAME={model}_prediction
OUTPUT_PATH=gs://models-walk/$JOB_NAME
{ml} jobs submit prediction $JOB_NAME --model $MODEL_NAME --version v1 --data-format TEXT --region $REGION \
    --input-paths gs://models-walk/data/test.json --output-path $OUTPUT_PATH/predictions
'''


@pytest.fixture(scope="module")
def trained(server, tmp_path_factory):
    """A bucket with a model that a job trained, and a file to score."""
    env = server.environment()
    folder = tmp_path_factory.mktemp("trainer")
    (folder / "trainer").mkdir()
    (folder / "trainer" / "__init__.py").write_text("")
    (folder / "trainer" / "task.py").write_text(TRAINER)
    (folder / "test.json").write_text("[16, 0]\n[0, 1]\n[16, 2]\n")
    run("hodei storage buckets create gs://models-walk && "
        "hodei storage cp test.json gs://models-walk/data/test.json && "
        "hodei ml-engine jobs submit training train_1 --job-dir gs://models-walk/train_1 --runtime-version 2.11 "
        "--python-version 3.7 --module-name trainer.task --package-path trainer/ --region us-east1", env, cwd=folder)
    wait_for_state(env, "train_1", ["SUCCEEDED"], seconds=900)
    return env


TOOLS = {"hodei": ("hodei ml-engine", "hodei storage ls", "hodei storage cat"),
         "gcloud": ("gcloud ml-engine", "gsutil ls", "gsutil cat")}


@pytest.mark.parametrize("tool", TOOLS)
def test_from_a_trained_model_to_scored_lines(trained, tool):
    if tool == "gcloud" and not (has("gcloud") and has("gsutil")):
        pytest.skip("gcloud and gsutil are not installed")
    ml, ls, cat = TOOLS[tool]
    model = f"walk_{tool}"
    run(SCRIPT.format(model=model, ml=ml, ls=ls), trained)
    wait_for_state(trained, f"{model}_prediction", ["SUCCEEDED"])
    lines = run(f"{cat} gs://models-walk/{model}_prediction/predictions/prediction.results-00000-of-00001",
                trained).stdout.split()
    scores = [json.loads(line) for line in lines]
    assert len(scores) == 3 and scores[0] > 0.5 > scores[1] and scores[2] > 0.5, scores
    # A version's programs outlive the server: none may outlive the test.
    run(f"hodei ml-engine versions delete v1 --model {model} --quiet && "
        f"hodei ml-engine models delete {model} --quiet", trained)
