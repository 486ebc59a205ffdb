"""Walkthrough 002, "deep learning for the poor": a job trains a Keras model on the census data, a version serves it, a
batch job scores a file. The commands are those of the tutorial, with Google's gcloud and gsutil and with hodei."""
import csv
import json
import random
import re
import warnings

import pytest

from conftest import ROOT, has, run, wait_for_state

CENSUS = ROOT.parent / "shared" / "data" / "census"
SCORED_ROWS = 400
# The TensorFlow environment is built once and kept in build/.
BUILD_SECONDS = 1200
COLUMNS = ["age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship", "race",
           "gender", "capital_gain", "capital_loss", "hours_per_week", "native_country", "income_bracket"]
NUMBERS = {"age", "education_num", "capital_gain", "capital_loss", "hours_per_week"}

TRAIN = '''
set -eu
BUCKET_NAME=deep-learning
REGION=us-east1
{gsutil} cp -r data gs://$BUCKET_NAME/data
TRAIN_DATA=gs://$BUCKET_NAME/data/adult.data.csv
EVAL_DATA=gs://$BUCKET_NAME/data/adult.test.csv
{gsutil} cp ../test.json gs://$BUCKET_NAME/data/test.json
JOB_NAME=census_test_1
OUTPUT_PATH=gs://$BUCKET_NAME/$JOB_NAME
{gcloud} ml-engine jobs submit training $JOB_NAME \\
    --job-dir $OUTPUT_PATH \\
    --runtime-version 1.2 \\
    --module-name trainer.task \\
    --package-path trainer/ \\
    --region $REGION \\
    --scale-tier STANDARD_1 \\
    -- \\
    --train-files $TRAIN_DATA \\
    --eval-files $EVAL_DATA \\
    --train-steps 1000 \\
    --verbosity DEBUG  \\
    --eval-steps 100
'''

SERVE = '''
set -eu
BUCKET_NAME=deep-learning
REGION=us-east1
OUTPUT_PATH=gs://$BUCKET_NAME/census_test_1
MODEL_NAME={model}
{gcloud} ml-engine models create $MODEL_NAME --regions=$REGION
STAMP=$({gsutil} ls -r $OUTPUT_PATH/export | sed -n 's,.*/Servo/\\([0-9]*\\)/:$,\\1,p')
MODEL_BINARIES=$OUTPUT_PATH/export/Servo/$STAMP/
{gcloud} ml-engine versions create v1 \\
--model $MODEL_NAME \\
--origin $MODEL_BINARIES \\
--runtime-version 1.2
'''

SCORE = '''
set -eu
BUCKET_NAME=deep-learning
REGION=us-east1
TEST_JSON=gs://$BUCKET_NAME/data/test.json
MODEL_NAME={model}
JOB_NAME={model}_prediction
OUTPUT_PATH=gs://$BUCKET_NAME/$JOB_NAME
{gcloud} ml-engine jobs submit prediction $JOB_NAME \\
--model $MODEL_NAME \\
--version v1 \\
--data-format TEXT \\
--region $REGION \\
--input-paths $TEST_JSON \\
--output-path $OUTPUT_PATH/predictions
'''

TOOLS = {"hodei": {"gcloud": "hodei", "gsutil": "hodei gsutil"}, "gcloud": {"gcloud": "gcloud", "gsutil": "gsutil"}}
GOOGLES = has("gcloud") and has("gsutil")


def made_rows(count, seed):
    """Rows of the census' form where schooling decides, for machines without the real ones."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        years = draw.randint(1, 16)
        rows.append([draw.randint(17, 90), draw.choice(["Private", "State-gov"]), draw.randint(10000, 400000),
                     f"grade-{years}", years, "Never-married", draw.choice(["Sales", "Other-service"]), "Own-child", "White",
                     draw.choice(["Male", "Female"]), 0, 0, draw.randint(10, 60), "United-States",
                     ">50K" if years > 9 else "<=50K"])
    return rows


def census_rows(name):
    with open(CENSUS / name, newline="") as file:
        return [row for row in csv.reader(file, skipinitialspace=True) if len(row) == len(COLUMNS)]


def instance(row):
    """A line of the samples' test.json: no income, and words with the blank that they have in the original file."""
    return {name: int(cell) if name in NUMBERS else f" {cell}" for name, cell in zip(COLUMNS[:-1], row) if name != "fnlwgt"}


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    """The samples' folders, with the data; what the rows of test.json really are."""
    folder = tmp_path_factory.mktemp("census")
    if (CENSUS / "adult.data.csv").exists():
        train, held_out = census_rows("adult.data.csv"), census_rows("adult.test.csv")
    else:
        warnings.warn(f"{CENSUS} is absent: the walkthrough trains on rows that are made here")
        train, held_out = made_rows(20000, 1), made_rows(5000, 2)
    (folder / "estimator" / "data").mkdir(parents=True)
    for name, rows in (("adult.data.csv", train), ("adult.test.csv", held_out)):
        with open(folder / "estimator" / "data" / name, "w", newline="") as file:
            csv.writer(file).writerows(rows)
    (folder / "estimator" / "trainer").symlink_to(ROOT / "examples" / "census" / "trainer")
    scored = held_out[:SCORED_ROWS]
    (folder / "test.json").write_text("".join(json.dumps(instance(row)) + "\n" for row in scored))
    (folder / "estimator" / "two.json").write_text("".join(json.dumps(instance(row)) + "\n" for row in scored[:2]))
    return folder / "estimator", [row[-1].strip(" .") for row in scored]


@pytest.fixture(scope="module")
def trained(server, labels):
    """The job that trains: by Google's command where there is one."""
    env = server.environment()
    run("hodei storage buckets create gs://deep-learning", env)
    run(TRAIN.format(**TOOLS["gcloud" if GOOGLES else "hodei"]), env, cwd=labels[0])
    wait_for_state(env, "census_test_1", ["SUCCEEDED"], seconds=BUILD_SECONDS)
    said = run("hodei ml-engine jobs stream-logs census_test_1", env)
    assert float(re.search(r"accuracy = ([\d.]+)", said.stdout + said.stderr).group(1)) > 0.8
    return env


def right(predictions, labels):
    return sum(prediction["classes"] == label for prediction, label in zip(predictions, labels)) / len(labels)


@pytest.mark.parametrize("tool", TOOLS)
def test_from_a_trained_model_to_scored_lines(trained, labels, tool):
    if tool == "gcloud" and not GOOGLES:
        pytest.skip("gcloud and gsutil are not installed")
    folder, truth = labels
    model = f"test_{tool}"
    words = {**TOOLS[tool], "model": model}
    run(SERVE.format(**words), trained)
    try:
        shown = {name: run(f"{name} ml-engine predict --model {model} --version v1 --json-instances two.json", trained,
                           cwd=folder).stdout for name in {tool, "hodei"}}
        assert shown[tool].split()[:2] == ["CLASSES", "PROBABILITIES"]
        assert shown["hodei"] == shown[tool], "both print the same table"

        run(SCORE.format(**words), trained)
        wait_for_state(trained, f"{model}_prediction", ["SUCCEEDED"])
        results = f"gs://deep-learning/{model}_prediction/predictions/prediction.results-00000-of-00001"
        lines = run(f"{words['gsutil']} cat {results}", trained).stdout.splitlines()
        predictions = [json.loads(line) for line in lines]
        assert len(predictions) == SCORED_ROWS
        assert right(predictions, truth) > 0.8
        assert predictions[0]["classes"] in shown[tool].splitlines()[1]
        described = json.loads(run(f"hodei ml-engine jobs describe {model}_prediction --format json", trained).stdout)
        assert described["predictionOutput"]["predictionCount"] == str(SCORED_ROWS)
    finally:
        # A version's programs outlive the server: none may outlive the test.
        run(f"hodei ml-engine versions delete v1 --model {model} --quiet && "
            f"hodei ml-engine models delete {model} --quiet", trained)
