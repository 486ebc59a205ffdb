"""Trains the model and leaves it under --job-dir as model.joblib, with a row to try it on."""
import argparse
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
    parser.add_argument("--regularization", type=float, default=1.0)
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
    classifier = model.build(arguments.regularization)
    classifier.fit(train_features, train_label)

    accuracy = accuracy_score(eval_label, classifier.predict(eval_features))
    area = roc_auc_score(eval_label, classifier.predict_proba(eval_features)[:, 1])
    logging.info("accuracy = %.4f, area under the curve = %.4f, on %d rows",
                 accuracy, area, len(eval_label))

    job_dir = arguments.job_dir.rstrip("/")
    with fsspec.open(job_dir + "/model.joblib", "wb") as file:
        joblib.dump(classifier, file)
    with fsspec.open(job_dir + "/row.json", "w") as file:
        eval_features.head(1).to_json(file, orient="records")
    logging.info("The model is at %s/model.joblib", job_dir)


if __name__ == "__main__":
    main()
