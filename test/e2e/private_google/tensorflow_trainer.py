"""An ordinary TensorFlow trainer: every path it is given is a gs:// one and goes to TensorFlow as it is."""
import argparse
import csv
import json

import numpy
import tensorflow as tf

parser = argparse.ArgumentParser()
parser.add_argument("--job-dir", required=True)
parser.add_argument("--train-file", required=True)
arguments = parser.parse_args()

with tf.io.gfile.GFile(arguments.train_file) as file:
    rows = [[float(cell) for cell in row] for row in csv.reader(file)]
lines = sum(1 for _ in tf.data.TextLineDataset(arguments.train_file))
data = numpy.array(rows, dtype="float32")
features, label = data[:, :-1], data[:, -1:]

model = tf.keras.Sequential([tf.keras.Input((features.shape[1],)), tf.keras.layers.Dense(1)])
model.compile(optimizer=tf.keras.optimizers.SGD(0.05), loss="mse")
manager = tf.train.CheckpointManager(tf.train.Checkpoint(model=model), arguments.job_dir + "/checkpoints", max_to_keep=2)
board = tf.keras.callbacks.TensorBoard(log_dir=arguments.job_dir + "/logs")
losses = []
for epoch in range(3):
    losses += model.fit(features, label, epochs=1, verbose=0, callbacks=[board]).history["loss"]
    manager.save()
model.export(arguments.job_dir + "/export/1", verbose=False)
model.save(arguments.job_dir + "/model.keras")

restored = tf.train.latest_checkpoint(arguments.job_dir + "/checkpoints")
served = tf.saved_model.load(arguments.job_dir + "/export/1")
same = numpy.allclose(served.serve(features[:4]), model.predict(features[:4], verbose=0), atol=1e-5)

scratch = arguments.job_dir + "/scratch"
tf.io.gfile.makedirs(scratch)
with tf.io.gfile.GFile(scratch + "/a.txt", "w") as file:
    file.write("first\n")
tf.io.gfile.copy(scratch + "/a.txt", scratch + "/b.txt")
tf.io.gfile.rename(scratch + "/b.txt", scratch + "/c d é.txt")
listed = sorted(tf.io.gfile.listdir(scratch))
globbed = tf.io.gfile.glob(scratch + "/*.txt")
size = tf.io.gfile.stat(scratch + "/a.txt").length
tf.io.gfile.rmtree(scratch)

with tf.io.gfile.GFile(arguments.job_dir + "/result.json", "w") as file:
    json.dump({"rows": len(rows), "lines": lines, "losses": losses, "restored": restored, "same": bool(same),
               "listed": listed, "globbed": len(globbed), "size": size, "gone": not tf.io.gfile.exists(scratch)}, file)
