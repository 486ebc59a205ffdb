"""Softmax regression in plain Python; every fifth row is kept for the evaluation."""
import csv
import json
import logging
import math
import os

TRAIN_FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "iris.csv")
JOB_DIR = None
EPOCHS = 100
LEARNING_RATE = 0.1
CLASSES = 3


def read_rows(path):
    """Rows as ([features with a leading 1], class), each feature scaled to mean 0, deviation 1."""
    with open(path) as lines:
        table = [[float(cell) for cell in row] for row in csv.reader(lines)]
    columns = list(zip(*(row[:-1] for row in table)))
    means = [sum(column) / len(column) for column in columns]
    deviations = [math.sqrt(sum((x - mean) ** 2 for x in column) / len(column))
                  for column, mean in zip(columns, means)]
    return [([1.0] + [(x - m) / d for x, m, d in zip(row, means, deviations)], int(row[-1]))
            for row in table]


def probabilities(weights, features):
    scores = [math.exp(sum(w * x for w, x in zip(row, features))) for row in weights]
    return [score / sum(scores) for score in scores]


def accuracy(weights, rows):
    hits = 0
    for features, label in rows:
        guess = probabilities(weights, features)
        hits += guess.index(max(guess)) == label
    return hits / len(rows)


def train_and_evaluate():
    rows = read_rows(TRAIN_FILE)
    train = [row for i, row in enumerate(rows) if i % 5]
    held_out = [row for i, row in enumerate(rows) if i % 5 == 0]
    weights = [[0.0] * len(rows[0][0]) for _ in range(CLASSES)]
    for _ in range(EPOCHS):
        for features, label in train:
            for c, p in enumerate(probabilities(weights, features)):
                step = LEARNING_RATE * ((c == label) - p)
                weights[c] = [w + step * x for w, x in zip(weights[c], features)]
    logging.info("accuracy on %d flowers it has not seen: %.3f", len(held_out),
                 accuracy(weights, held_out))
    save(json.dumps({"weights": weights}))


def save(text):
    if not JOB_DIR.startswith("gs://"):
        os.makedirs(JOB_DIR, exist_ok=True)
        with open(os.path.join(JOB_DIR, "model.json"), "w") as out:
            out.write(text)
        return
    from google.cloud import storage
    bucket, _, folder = JOB_DIR[len("gs://"):].partition("/")
    name = (folder.rstrip("/") + "/model.json").lstrip("/")
    storage.Client().bucket(bucket).blob(name).upload_from_string(text)
