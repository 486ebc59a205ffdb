"""Trains a classifier of iris flowers.

Usage:
  task.py --job-dir <dir> [--train-file <csv>] [--epochs <n>] [--learning-rate <rate>]

Options:
  -h --help               Show this text.
  --job-dir <dir>         Where the model goes: gs://bucket/path or a folder.
  --train-file <csv>      Rows to train on; default: the file that comes with the package.
  --epochs <n>            Passes over the data [default: 100].
  --learning-rate <rate>  Step of the gradient descent [default: 0.1].
"""
import logging

from docopt import docopt

from . import model

if __name__ == "__main__":
    arguments = docopt(__doc__)
    # Assign model variables to the command line arguments.
    model.JOB_DIR = arguments["--job-dir"]
    model.TRAIN_FILE = arguments["--train-file"] or model.TRAIN_FILE
    model.EPOCHS = int(arguments["--epochs"])
    model.LEARNING_RATE = float(arguments["--learning-rate"])

    logging.basicConfig(level=logging.INFO)
    model.train_and_evaluate()
