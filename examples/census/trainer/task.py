"""Trains the census model; the flags are those of the well-known sample."""
import argparse
import json
import logging
import os
import time


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--job-dir", required=True, help="gs://… or a folder for the exported model")
    parser.add_argument("--train-files", required=True)
    parser.add_argument("--eval-files", required=True)
    parser.add_argument("--train-steps", type=int, default=1000)
    parser.add_argument("--eval-steps", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=0.005)
    parser.add_argument("--verbosity", default="INFO",
                        choices=["DEBUG", "ERROR", "FATAL", "INFO", "WARN"])
    return parser.parse_args()


def is_chief():
    task = json.loads(os.environ.get("TF_CONFIG", "{}")).get("task", {})
    return task.get("type", "chief") in ("chief", "master")


def train_and_export(arguments):
    # Only the chief pays for loading TensorFlow.
    import tensorflow as tf
    from trainer import model

    columns, label = model.read(arguments.train_files)
    eval_columns, eval_label = model.read(arguments.eval_files)
    features, eval_features = model.features(columns), model.features(eval_columns)
    logging.info("Training on %d rows for %d steps.", len(label), arguments.train_steps)
    data = tf.data.Dataset.from_tensor_slices((features, label)).shuffle(len(label), seed=1)
    data = data.repeat().batch(arguments.batch_size).prefetch(2)
    classifier = model.build(features, arguments.learning_rate)
    classifier.fit(data, steps_per_epoch=arguments.train_steps, epochs=1, verbose=0)
    evaluation = tf.data.Dataset.from_tensor_slices((eval_features, eval_label))
    loss, accuracy = classifier.evaluate(evaluation.repeat().batch(arguments.batch_size),
                                         steps=arguments.eval_steps, verbose=0)
    logging.info("accuracy = %.4f, loss = %.4f after %d steps", accuracy, loss,
                 arguments.train_steps)
    target = f"{arguments.job_dir.rstrip('/')}/export/Servo/{int(time.time())}"
    model.export(classifier, target)
    logging.info("The model is at %s", target)


def main():
    arguments = parse_arguments()
    logging.getLogger().setLevel({"FATAL": "CRITICAL", "WARN": "WARNING"}.get(
        arguments.verbosity, arguments.verbosity))
    if not is_chief():
        logging.info("The chief trains alone; this replica has nothing to do.")
        return
    train_and_export(arguments)


if __name__ == "__main__":
    main()
