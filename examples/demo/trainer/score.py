"""Loads the model that task.py left under --job-dir and scores the row beside it."""
import argparse
import logging
import os
import tempfile

import joblib
import pandas as pd

from trainer import storage


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--job-dir", required=True)
    job_dir = parser.parse_args().job_dir.rstrip("/")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("model.joblib", "row.json"):
            storage.copy_in(job_dir + "/" + name, os.path.join(folder, name))
        classifier = joblib.load(os.path.join(folder, "model.joblib"))
        row = pd.read_json(os.path.join(folder, "row.json"), orient="records")
    logging.info("row: %s", row.iloc[0].to_dict())
    logging.info("prediction: %s, probability %.4f", classifier.predict(row)[0],
                 classifier.predict_proba(row)[0].max())


if __name__ == "__main__":
    main()
