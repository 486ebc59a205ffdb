"""Loads the model that task.py left under --job-dir and scores the row beside it."""
import argparse
import logging

import fsspec
import joblib
import pandas as pd


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--job-dir", required=True)
    job_dir = parser.parse_args().job_dir.rstrip("/")
    with fsspec.open(job_dir + "/model.joblib", "rb") as file:
        classifier = joblib.load(file)
    row = pd.read_json(job_dir + "/row.json", orient="records")
    logging.info("row: %s", row.iloc[0].to_dict())
    logging.info("prediction: %s, probability %.4f", classifier.predict(row)[0],
                 classifier.predict_proba(row)[0].max())


if __name__ == "__main__":
    main()
