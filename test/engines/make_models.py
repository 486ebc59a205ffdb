"""Trains the small models of engines_test.py with the runtime's own libraries.

    python make_models.py FOLDER

Writes FOLDER/NAME/ (the model), FOLDER/NAME.rows.npy and FOLDER/NAME.answers.npy (what the library's own
predict() says of 10,000 random rows).
"""
import os
import pathlib
import pickle
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import joblib
import numpy as np
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (ExtraTreesRegressor, GradientBoostingClassifier, GradientBoostingRegressor,
                              HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

ROWS = 10_000
folder = pathlib.Path(sys.argv[1])
random = np.random.default_rng(7)
X = random.normal(size=(600, 8))
X[:, 7] = random.integers(0, 4, 600)
binary = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)
three = np.clip((X[:, 0] + 1.5).astype(int), 0, 2)
words = np.array(["low", "mid", "high"])[three]
real = X[:, 0] * 2 + X[:, 1] ** 2
many = random.normal(size=(ROWS, 8)) * 1.5
many[:, 7] = random.integers(0, 4, ROWS)
holed = many.copy()
holed[random.random(holed.shape) < 0.1] = np.nan


def keep(name, rows, answers):
    np.save(folder / f"{name}.rows.npy", rows)
    np.save(folder / f"{name}.answers.npy", answers)


def place(name):
    (folder / name).mkdir()
    return folder / name


def boosters():
    rows = holed.astype("f4")
    for name, labels, parameters in (
            ("xgb_logistic", binary, {"objective": "binary:logistic"}),
            ("xgb_softprob", three, {"objective": "multi:softprob", "num_class": 3}),
            ("xgb_softmax", three, {"objective": "multi:softmax", "num_class": 3}),
            ("xgb_squared", real, {"objective": "reg:squarederror"}),
            ("xgb_poisson", np.abs(real), {"objective": "count:poisson"}),
            ("xgb_dart", real, {"booster": "dart", "rate_drop": 0.3, "objective": "reg:squarederror"}),
            ("xgb_linear", real, {"booster": "gblinear", "objective": "reg:squarederror"})):
        data = np.where(np.isnan(X), 0, X)
        model = xgboost.train({"max_depth": 4, "seed": 1, **parameters}, xgboost.DMatrix(data, label=labels), 20)
        path = place(name)
        suffix = {"xgb_softprob": "json"}.get(name, "ubj")
        (path / "model.bst").write_bytes(bytes(model.save_raw(raw_format=suffix)))
        use = many.astype("f4") if name == "xgb_linear" else rows
        keep(name, use, model.predict(xgboost.DMatrix(use)))
    wrapper = xgboost.XGBClassifier(n_estimators=10, max_depth=3).fit(X, three)
    joblib.dump(wrapper, place("xgb_classifier") / "model.joblib")
    keep("xgb_classifier", rows, wrapper.predict(rows))
    model = xgboost.train({"objective": "reg:squarederror"}, xgboost.DMatrix(X, label=real), 5)
    with open(place("xgb_pickle") / "model.pkl", "wb") as file:
        pickle.dump(model, file)
    keep("xgb_pickle", rows, model.predict(xgboost.DMatrix(rows)))


def scikit():
    columns = ColumnTransformer([("s", StandardScaler(), [0, 1, 2]), ("m", MinMaxScaler(), [3, 4]),
                                 ("r", RobustScaler(), [5, 6]), ("o", OneHotEncoder(), [7])])
    models = {
        "sk_logistic": LogisticRegression().fit(X, binary),
        "sk_logistic_words": LogisticRegression().fit(X, words),
        "sk_linear": LinearRegression().fit(X, real),
        "sk_ridge_two": Ridge().fit(X, np.stack([real, -real], axis=1)),
        "sk_poisson": PoissonRegressor().fit(X, np.abs(real)),
        "sk_svc": LinearSVC().fit(X, three),
        "sk_tree": DecisionTreeClassifier(max_depth=6, random_state=0).fit(X, words),
        "sk_forest": RandomForestClassifier(30, random_state=0).fit(X, three),
        "sk_extra": ExtraTreesRegressor(10, random_state=0).fit(X, real),
        "sk_boosting": GradientBoostingClassifier(n_estimators=15, random_state=0).fit(X, three),
        "sk_boosting_real": GradientBoostingRegressor(n_estimators=15, random_state=0).fit(X, real),
        "sk_hist": HistGradientBoostingClassifier(max_iter=15, random_state=0).fit(X, binary),
        "sk_hist_real": HistGradientBoostingRegressor(max_iter=15, random_state=0).fit(X, real),
        "sk_pipeline": make_pipeline(columns, RandomForestClassifier(10, random_state=0)).fit(X, binary),
        "sk_imputed": make_pipeline(SimpleImputer(), StandardScaler(), PCA(4), LogisticRegression()).fit(X, binary),
        "sk_ordinal": make_pipeline(
            ColumnTransformer([("o", OrdinalEncoder(), [7])], remainder="passthrough"), LinearRegression()).fit(X, real),
        "sk_neighbours": KNeighborsClassifier().fit(X[:200], three[:200]),
    }
    for name, model in models.items():
        joblib.dump(model, place(name) / "model.joblib")
        rows = holed if name in ("sk_imputed", "sk_hist", "sk_hist_real", "sk_forest") else many
        keep(name, rows, np.asarray(model.predict(rows)))
    table = np.array([["red" if b else "blue", float(x)] for b, x in zip(binary, X[:, 0])], dtype=object)
    words_model = make_pipeline(ColumnTransformer([("o", OneHotEncoder(), [0]), ("s", StandardScaler(), [1])]),
                                LogisticRegression()).fit(table, binary)
    joblib.dump(words_model, place("sk_strings") / "model.joblib")


def saved_models():
    try:
        import tensorflow as tf
    except ImportError:
        return

    class Several(tf.Module):
        def __init__(self):
            self.w = tf.Variable(np.arange(6, dtype="f4").reshape(3, 2))

        @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x"),
                                      tf.TensorSpec([None], tf.string, name="key")])
        def two(self, x, key):
            return {"y": tf.matmul(x, self.w), "key": tf.identity(key), "raw_bytes": key}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
        def text(self, text):
            return {"length": tf.strings.length(text)}

    model = Several()
    tf.saved_model.save(model, str(folder / "tf_several"), signatures={"serving_default": model.two, "text": model.text})
    keras = tf.keras.Sequential([tf.keras.Input((8,), name="features"), tf.keras.layers.Dense(16, activation="relu"),
                                 tf.keras.layers.Dense(3, activation="softmax")])
    keras.export(str(folder / "tf_keras"), verbose=False)
    keep("tf_keras", many.astype("f4"), keras.predict(many.astype("f4"), verbose=0))


boosters()
scikit()
saved_models()
