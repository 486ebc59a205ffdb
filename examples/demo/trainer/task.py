"""Trains the model; leaves it under --job-dir in export/, with rows to score and what they really are."""
import argparse
import json
import logging

import fsspec
import joblib
from sklearn.metrics import accuracy_score, roc_auc_score

from trainer import model


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--job-dir", required=True, help="where the model goes: gs://… or a folder")
    parser.add_argument("--train-files", help="census file to train on; default: a bundled data set")
    parser.add_argument("--eval-files", help="census file to evaluate on")
    parser.add_argument("--trees", type=int, default=60)
    return parser.parse_args()


def load(arguments):
    if not arguments.train_files:
        logging.info("No --train-files: using the breast cancer data set of scikit-learn.")
        return model.read_bundled()
    train_features, train_label = model.read_census(arguments.train_files)
    eval_features, eval_label = model.read_census(arguments.eval_files or arguments.train_files)
    return train_features, eval_features, train_label, eval_label


def main():
    arguments = parse_arguments()
    train_features, eval_features, train_label, eval_label = load(arguments)
    logging.info("Training on %d rows with %d columns.", *train_features.shape)
    classifier = model.build(arguments.trees)
    classifier.fit(train_features.to_numpy(), train_label)

    rows = eval_features.to_numpy()
    accuracy = accuracy_score(eval_label, classifier.predict(rows))
    area = roc_auc_score(eval_label, classifier.predict_proba(rows)[:, 1])
    logging.info("accuracy = %.4f, area under the curve = %.4f, on %d rows",
                 accuracy, area, len(eval_label))

    job_dir = arguments.job_dir.rstrip("/")
    with fsspec.open(job_dir + "/export/model.joblib", "wb") as file:
        joblib.dump(classifier, file)
    with fsspec.open(job_dir + "/rows.json", "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows.tolist())
    with fsspec.open(job_dir + "/labels.txt", "w") as file:
        file.writelines(f"{value}\n" for value in eval_label)
    logging.info("The model is in %s/export; a row is %s", job_dir, ", ".join(eval_features.columns))


if __name__ == "__main__":
    main()
