"""Trains one model for each library and form that a version serves, from one table, and leaves below --job-dir:
export/NAME/ (the model), rows/NAME.json (instances, one a line) and answers/NAME.json (the library's own predict())."""
import argparse
import json
import os
import pickle
import tempfile

import joblib
import numpy as np
import pandas as pd
import xgboost
from google.cloud import storage
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROWS = 300
parser = argparse.ArgumentParser()
parser.add_argument("--job-dir", required=True)
bucket_name, _, prefix = parser.parse_args().job_dir.removeprefix("gs://").partition("/")
bucket = storage.Client().bucket(bucket_name)

random = np.random.default_rng(1)
x = random.normal(size=(ROWS, 4)) * [1, 2, 3, 4]
label = (x[:, 0] + x[:, 1] > 0).astype(int)
words = np.where(x[:, 2] > 0, "upper", "lower")
table = pd.DataFrame({"size": x[:, 0], "age": x[:, 1], "half": words})


def put(name, data):
    bucket.blob(f"{prefix}/{name}").upload_from_string(data)


def keep(name, file, write, rows, answers):
    """`write(path)` makes the model's file; `rows` are instances as JSON has them."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, file)
        write(path)
        bucket.blob(f"{prefix}/export/{name}/{file}").upload_from_filename(path)
    put(f"rows/{name}.json", "".join(json.dumps(row) + "\n" for row in rows))
    put(f"answers/{name}.json", json.dumps(np.asarray(answers).tolist()))


def write_pickle(model):
    def write(path):
        with open(path, "wb") as file:
            pickle.dump(model, file)
    return write


pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, label)
keep("joblib", "model.joblib", lambda path: joblib.dump(pipeline, path), x.tolist(), pipeline.predict(x))

forest = RandomForestRegressor(20, random_state=1).fit(x, x[:, 0] * x[:, 1])
keep("pickle", "model.pkl", write_pickle(forest), x.tolist(), forest.predict(x))

# Columns of words have no compiled form: the interpreter serves, and takes objects keyed by column.
columns = make_column_transformer((StandardScaler(), ["size", "age"]), (OneHotEncoder(), ["half"]))
named = make_pipeline(columns, LogisticRegression()).fit(table, np.where(label, "yes", "no"))
keep("words", "model.joblib", lambda path: joblib.dump(named, path), table.to_dict("records"), named.predict(table))

booster = xgboost.train({"max_depth": 3, "objective": "binary:logistic"}, xgboost.DMatrix(x, label=label), 10)


def write_booster(path):
    booster.save_model(path + ".json")
    os.rename(path + ".json", path)


keep("xgboost", "model.bst", write_booster, x.tolist(), booster.predict(xgboost.DMatrix(x)))

# What test/e2e/trainers/routine.py serves: a clipped linear model, kept as the routine's author likes.
weights = {"weights": [1.5, -2, 0.5, 0], "least": -4}


def write_weights(path):
    with open(path, "w") as file:
        json.dump(weights, file)


keep("routine", "weights.json", write_weights, x.tolist(), np.maximum(x @ weights["weights"], weights["least"]))
