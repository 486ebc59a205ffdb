"""Wide and deep model of the census data: does a person earn more than 50,000 a year?"""
import keras
import numpy as np
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
HASH_BUCKETS = 64


def read(path):
    with tf.io.gfile.GFile(path) as file:
        rows = pd.read_csv(file, header=None, names=COLUMNS, skipinitialspace=True)
    label = (rows["income_bracket"].str.strip(" .") == ">50K").to_numpy(dtype="float32")
    features = {name: rows[name].to_numpy(dtype="float32")[:, None] for name in NUMBERS}
    features.update({name: buckets(rows[name]) for name in WORDS})
    return features, label


def buckets(words):
    """A stable number below HASH_BUCKETS for each word."""
    hashed = pd.util.hash_array(words.astype(str).to_numpy(dtype=object))
    return (hashed % HASH_BUCKETS).astype(np.int32)[:, None]


def build(train_features, learning_rate):
    inputs, deep, wide = {}, [], []
    for name in NUMBERS:
        inputs[name] = keras.Input(shape=(1,), name=name)
        scale = keras.layers.Normalization(axis=-1)
        scale.adapt(train_features[name])
        deep.append(scale(inputs[name]))
    for name in WORDS:
        inputs[name] = keras.Input(shape=(1,), name=name, dtype="int32")
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
