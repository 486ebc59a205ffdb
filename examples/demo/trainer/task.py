"""Trains the model and leaves it under --job-dir as model.joblib, with a row to try it on."""
import argparse
import logging
import os
import tempfile

import joblib
from sklearn.metrics import accuracy_score, roc_auc_score

from trainer import model, storage


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--job-dir", required=True, help="where the model goes: gs://… or a folder")
    parser.add_argument("--train-files", help="census file to train on; default: a bundled data set")
    parser.add_argument("--eval-files", help="census file to evaluate on")
    parser.add_argument("--regularization", type=float, default=1.0)
    return parser.parse_args()


def load(arguments, folder):
    if not arguments.train_files:
        logging.info("No --train-files: using the breast cancer data set of scikit-learn.")
        return model.read_bundled()
    train_path, eval_path = os.path.join(folder, "train.csv"), os.path.join(folder, "eval.csv")
    storage.copy_in(arguments.train_files, train_path)
    storage.copy_in(arguments.eval_files or arguments.train_files, eval_path)
    train_features, train_label = model.read_census(train_path)
    eval_features, eval_label = model.read_census(eval_path)
    return train_features, eval_features, train_label, eval_label


def main():
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        train_features, eval_features, train_label, eval_label = load(arguments, folder)
        logging.info("Training on %d rows with %d columns.", *train_features.shape)
        classifier = model.build(arguments.regularization)
        classifier.fit(train_features, train_label)

        accuracy = accuracy_score(eval_label, classifier.predict(eval_features))
        area = roc_auc_score(eval_label, classifier.predict_proba(eval_features)[:, 1])
        logging.info("accuracy = %.4f, area under the curve = %.4f, on %d rows",
                     accuracy, area, len(eval_label))

        path = os.path.join(folder, "model.joblib")
        joblib.dump(classifier, path)
        target = arguments.job_dir.rstrip("/") + "/model.joblib"
        storage.copy_out(path, target)
        eval_features.head(1).to_json(os.path.join(folder, "row.json"), orient="records")
        storage.copy_out(os.path.join(folder, "row.json"),
                         arguments.job_dir.rstrip("/") + "/row.json")
        logging.info("The model is at %s", target)


if __name__ == "__main__":
    main()
