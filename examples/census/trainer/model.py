"""Wide and deep model of the census data: does a person earn more than 50,000 a year?"""
import keras
import pandas as pd
import tensorflow as tf

COLUMNS = [
    "age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation",
    "relationship", "race", "gender", "capital_gain", "capital_loss", "hours_per_week",
    "native_country", "income_bracket",
]
NUMBERS = ["age", "education_num", "capital_gain", "capital_loss", "hours_per_week"]
WORDS = ["workclass", "education", "marital_status", "occupation", "relationship", "race", "gender",
         "native_country"]
CLASSES = ["<=50K", ">50K"]
HASH_BUCKETS = 64


def read(path):
    """The columns as the file has them, and the label."""
    with tf.io.gfile.GFile(path) as file:
        rows = pd.read_csv(file, header=None, names=COLUMNS, skipinitialspace=True)
    label = (rows["income_bracket"].str.strip(" .") == ">50K").to_numpy(dtype="float32")
    columns = {name: tf.constant(rows[name], dtype=tf.float32) for name in NUMBERS}
    columns.update({name: tf.constant(rows[name].astype(str)) for name in WORDS})
    return columns, label


def features(columns):
    """What the network takes: numbers as they are, for each word a number below HASH_BUCKETS."""
    prepared = {name: columns[name][:, None] for name in NUMBERS}
    for name in WORDS:
        word = tf.strings.strip(columns[name])
        prepared[name] = tf.strings.to_hash_bucket_fast(word, HASH_BUCKETS)[:, None]
    return prepared


def build(train_features, learning_rate):
    inputs, deep, wide = {}, [], []
    for name in NUMBERS:
        inputs[name] = keras.Input(shape=(1,), name=name)
        scale = keras.layers.Normalization(axis=-1)
        scale.adapt(train_features[name])
        deep.append(scale(inputs[name]))
    for name in WORDS:
        inputs[name] = keras.Input(shape=(1,), name=name, dtype="int64")
        embedded = keras.layers.Embedding(HASH_BUCKETS, 8)(inputs[name])
        deep.append(keras.layers.Flatten()(embedded))
        wide.append(keras.layers.Flatten()(keras.layers.Embedding(HASH_BUCKETS, 1)(inputs[name])))
    hidden = keras.layers.Concatenate()(deep)
    for width in (64, 32):
        hidden = keras.layers.Dense(width, activation="relu")(hidden)
    output = keras.layers.Dense(1, activation="sigmoid")(
        keras.layers.Concatenate()([hidden] + wide))
    model = keras.Model(inputs, output)
    model.compile(optimizer=keras.optimizers.Adam(learning_rate), loss="binary_crossentropy",
                  metrics=["accuracy"])
    return model


def export(model, folder):
    """A SavedModel whose signature takes the columns of the file; those it does not know of are not its inputs."""
    signature = {name: tf.TensorSpec([None], tf.float32, name=name) for name in NUMBERS}
    signature.update({name: tf.TensorSpec([None], tf.string, name=name) for name in WORDS})

    def serve(columns):
        probability = model(features(columns))[:, 0]
        return {"classes": tf.gather(tf.constant(CLASSES), tf.cast(probability > 0.5, tf.int32)),
                "probabilities": tf.stack([1 - probability, probability], axis=1)}

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serving_default", serve, input_signature=[signature])
    archive.write_out(folder, verbose=False)
