"""Writes fitted scikit-learn models in the flat form that the serving program evaluates itself.

    blob, probe = export(model)

The form (docs/decisions/0046-flat-models.md) knows elementwise and linear steps, encoders of numeric
categories, linear models and trees. Everything else raises Unsupported with the reason, and the
interpreter serves. Nothing is trusted: the program compares its answers with the model's on the
probe's rows before it uses what is written here.
"""
import json
import struct

import numpy as np

PROBE_ROWS = 1000
PROBE_ROWS_MISSING = 200
THRESHOLDS_KEPT = 64
BYTES_MAX = 1 << 30


class Unsupported(Exception):
    pass


class Arrays:
    """The arrays of a model, numbered as they come."""

    def __init__(self):
        self.items = []

    def add(self, values, dtype):
        array = np.ascontiguousarray(values, dtype=dtype).reshape(-1)
        self.items.append(array)
        return len(self.items) - 1

    def table(self):
        return [[item.dtype.str[1:], int(item.size)] for item in self.items]

    def blob(self, header):
        text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
        text += b" " * (-(8 + len(text)) % 8)
        parts = [b"HFM1", struct.pack("<I", len(text)), text]
        size = sum(item.nbytes for item in self.items)
        if size > BYTES_MAX:
            raise Unsupported(f"the model has {size} bytes of numbers")
        for item in self.items:
            data = item.tobytes()
            parts.append(data + b"\0" * (-len(data) % 8))
        return b"".join(parts)


def _name(model):
    return type(model).__name__


def _is_sklearn(model):
    return type(model).__module__.split(".")[0] == "sklearn"


# -- transformers: each returns (steps, columns after it)


def _elementwise(arrays, op, values, columns):
    values = np.asarray(values, dtype="f8")
    if values.size != columns:
        raise Unsupported("a scaler's width differs from its input's")
    return {"op": op, "values": arrays.add(values, "f8")}


def _standard_scaler(model, arrays, columns):
    steps = []
    if model.with_mean:
        steps.append(_elementwise(arrays, "subtract", model.mean_, columns))
    if model.with_std:
        steps.append(_elementwise(arrays, "divide", model.scale_, columns))
    return steps, columns


def _min_max_scaler(model, arrays, columns):
    steps = [_elementwise(arrays, "multiply", model.scale_, columns),
             _elementwise(arrays, "add", model.min_, columns)]
    if model.clip:
        low, high = model.feature_range
        steps.append({"op": "clip", "low": float(low), "high": float(high)})
    return steps, columns


def _max_abs_scaler(model, arrays, columns):
    if getattr(model, "clip", False):
        raise Unsupported("MaxAbsScaler that clips")
    return [_elementwise(arrays, "divide", model.scale_, columns)], columns


def _robust_scaler(model, arrays, columns):
    steps = []
    if model.with_centering:
        steps.append(_elementwise(arrays, "subtract", model.center_, columns))
    if model.with_scaling:
        steps.append(_elementwise(arrays, "divide", model.scale_, columns))
    return steps, columns


def _normalizer(model, arrays, columns):
    return [{"op": "normalize", "norm": model.norm}], columns


def _binarizer(model, arrays, columns):
    return [{"op": "binarize", "threshold": float(model.threshold)}], columns


def _simple_imputer(model, arrays, columns):
    missing = model.missing_values
    if model.add_indicator or not (isinstance(missing, float) and np.isnan(missing)):
        raise Unsupported("SimpleImputer with an indicator or another missing value than NaN")
    statistics = np.asarray(model.statistics_)
    if statistics.dtype.kind not in "fiu" or np.isnan(statistics.astype("f8")).any():
        raise Unsupported("SimpleImputer of values that are no numbers")
    return [_elementwise(arrays, "impute", statistics, columns)], columns


def _pca(model, arrays, columns):
    components = np.asarray(model.components_, dtype="f8")
    if model.whiten:
        components = components / np.sqrt(model.explained_variance_)[:, np.newaxis]
    mean = np.asarray(model.mean_, dtype="f8")
    return [{"op": "affine", "rows": components.shape[0], "matrix": arrays.add(components, "f8"),
             "shift": arrays.add(-components @ mean, "f8")}], components.shape[0]


def _categories(model, columns):
    if len(model.categories_) != columns:
        raise Unsupported("an encoder's width differs from its input's")
    for categories in model.categories_:
        if categories.dtype.kind not in "fiub":
            raise Unsupported(f"{_name(model)} of categories that are no numbers")
    return [np.asarray(c, dtype="f8") for c in model.categories_]


def _one_hot_encoder(model, arrays, columns):
    categories = _categories(model, columns)
    if model.drop is not None or getattr(model, "_infrequent_enabled", False):
        raise Unsupported("OneHotEncoder that drops or joins categories")
    if model.handle_unknown not in ("error", "ignore"):
        raise Unsupported("OneHotEncoder with handle_unknown=" + str(model.handle_unknown))
    width = sum(c.size for c in categories)
    return [{"op": "one_hot", "counts": arrays.add([c.size for c in categories], "i4"),
             "categories": arrays.add(np.concatenate(categories), "f8"),
             "unknown": model.handle_unknown}], width


def _ordinal_encoder(model, arrays, columns):
    categories = _categories(model, columns)
    if getattr(model, "_infrequent_enabled", False):
        raise Unsupported("OrdinalEncoder that joins categories")
    step = {"op": "ordinal", "counts": arrays.add([c.size for c in categories], "i4"),
            "categories": arrays.add(np.concatenate(categories), "f8"), "unknown": "error"}
    if model.handle_unknown == "use_encoded_value":
        if np.isnan(float(model.unknown_value)):
            raise Unsupported("OrdinalEncoder whose unknown value is NaN")
        step.update(unknown="value", value=float(model.unknown_value))
    if any(np.isnan(c).any() for c in categories) and not np.isnan(model.encoded_missing_value):
        raise Unsupported("OrdinalEncoder with a value for missing")
    return [step], columns


def _function_transformer(model, arrays, columns):
    if model.func is not None:
        raise Unsupported("FunctionTransformer with a function")
    return [], columns


def _column_numbers(selector, names, columns):
    if isinstance(selector, (list, tuple, np.ndarray)) and len(selector) == 0:
        return []
    if isinstance(selector, slice):
        if isinstance(selector.start, str) or isinstance(selector.stop, str):
            raise Unsupported("ColumnTransformer with a slice of names")
        return list(range(*selector.indices(columns)))
    selector = np.asarray([selector] if np.isscalar(selector) else selector)
    if selector.dtype.kind == "b":
        return [int(i) for i in np.flatnonzero(selector)]
    if selector.dtype.kind in "iu":
        return [int(i) % columns for i in selector]
    if selector.dtype.kind in "UO" and names is not None:
        return [names.index(name) for name in selector]
    raise Unsupported("ColumnTransformer with columns that are no numbers")


def _column_transformer(model, arrays, columns):
    names = [str(n) for n in getattr(model, "feature_names_in_", [])] or None
    parts, width = [], 0
    for name, transformer, selector in model.transformers_:
        if isinstance(transformer, str) and transformer == "drop":
            continue
        numbers = _column_numbers(selector, names, columns)
        if not numbers:
            continue
        if isinstance(transformer, str):
            steps, out = [], len(numbers)
        else:
            steps, out = transform_steps(transformer, arrays, len(numbers))
        if getattr(model, "transformer_weights", None):
            raise Unsupported("ColumnTransformer with weights")
        parts.append({"columns": arrays.add(numbers, "i4"), "steps": steps})
        width += out
    if not parts:
        raise Unsupported("ColumnTransformer without columns")
    return [{"op": "branches", "parts": parts}], width


def _transform_pipeline(model, arrays, columns):
    steps = []
    for _, transformer in model.steps:
        more, columns = transform_steps(transformer, arrays, columns)
        steps += more
    return steps, columns


TRANSFORMERS = {
    "StandardScaler": _standard_scaler, "MinMaxScaler": _min_max_scaler,
    "MaxAbsScaler": _max_abs_scaler, "RobustScaler": _robust_scaler, "Normalizer": _normalizer,
    "Binarizer": _binarizer, "SimpleImputer": _simple_imputer, "PCA": _pca,
    "OneHotEncoder": _one_hot_encoder, "OrdinalEncoder": _ordinal_encoder,
    "FunctionTransformer": _function_transformer, "ColumnTransformer": _column_transformer,
    "Pipeline": _transform_pipeline,
}


def transform_steps(model, arrays, columns):
    if model is None or (isinstance(model, str) and model == "passthrough"):
        return [], columns
    if not _is_sklearn(model) or _name(model) not in TRANSFORMERS:
        raise Unsupported(f"transformer {_name(model)}")
    return TRANSFORMERS[_name(model)](model, arrays, columns)


# -- final estimators


def _labels(classes, arrays):
    if isinstance(classes, list):
        raise Unsupported("a classifier with several outputs")
    classes = np.asarray(classes)
    if classes.dtype.kind == "b":
        return {"type": "bool", "array": arrays.add(classes, "i8")}
    if classes.dtype.kind in "iu":
        return {"type": "int64", "array": arrays.add(classes, "i8")}
    if classes.dtype.kind == "f":
        return {"type": "float64", "array": arrays.add(classes, "f8")}
    if all(isinstance(c, str) for c in classes.tolist()):
        return {"type": "string", "values": [str(c) for c in classes.tolist()]}
    raise Unsupported("labels that are neither numbers nor strings")


LINEAR_CLASSIFIERS = {
    "LogisticRegression", "LogisticRegressionCV", "SGDClassifier", "LinearSVC", "RidgeClassifier",
    "RidgeClassifierCV", "Perceptron", "PassiveAggressiveClassifier", "LinearDiscriminantAnalysis"}
LINEAR_REGRESSORS = {
    "LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV",
    "SGDRegressor", "HuberRegressor", "TheilSenRegressor", "BayesianRidge", "ARDRegression", "Lars",
    "LarsCV", "LassoLars", "LassoLarsCV", "LassoLarsIC", "OrthogonalMatchingPursuit", "LinearSVR",
    "MultiTaskLasso", "MultiTaskElasticNet", "PassiveAggressiveRegressor", "QuantileRegressor"}
EXPONENTIAL_REGRESSORS = {"PoissonRegressor", "GammaRegressor"}


def _linear(model, arrays, columns):
    weights = np.asarray(model.coef_, dtype="f8")
    squeeze = weights.ndim == 1
    weights = np.atleast_2d(weights)
    intercept = np.broadcast_to(np.asarray(model.intercept_, dtype="f8").reshape(-1),
                                (weights.shape[0],))
    if weights.shape[1] != columns:
        raise Unsupported("a linear model's width differs from its input's")
    final = {"kind": "linear", "rows": weights.shape[0], "weights": arrays.add(weights, "f8"),
             "intercept": arrays.add(intercept, "f8")}
    if _name(model) in LINEAR_CLASSIFIERS:
        final["rule"] = "sign" if weights.shape[0] == 1 else "argmax"
        final["labels"] = _labels(model.classes_, arrays)
    else:
        final["rule"] = "exp" if _name(model) in EXPONENTIAL_REGRESSORS else "value"
        final["squeeze"] = squeeze
    return final


def _below(threshold):
    """t for which x < t is x <= threshold, for x of float32."""
    rounded = np.asarray(threshold, dtype="f8").astype("f4")
    over = rounded.astype("f8") > threshold
    rounded[over] = np.nextafter(rounded[over], np.float32(-np.inf))
    return np.nextafter(rounded, np.float32(np.inf))


class Forest:
    """Nodes of all trees, one after the other."""

    def __init__(self, width, groups):
        self.width, self.groups = width, groups
        self.nodes = {k: [] for k in ("threshold", "feature", "left", "right", "missing_left",
                                      "leaf")}
        self.values, self.roots, self.group = [], [], []
        self.size = self.leaves = 0

    def add(self, threshold, feature, left, right, missing_left, is_leaf, values, group=0):
        count = len(left)
        leaf = np.zeros(count, dtype="i4")
        leaf[is_leaf] = self.leaves + np.arange(int(is_leaf.sum()))
        inner = ~is_leaf
        self.nodes["threshold"].append(np.where(inner, threshold, 0))
        self.nodes["feature"].append(np.where(inner, feature, 0))
        self.nodes["left"].append(np.where(inner, left + self.size, -1))
        self.nodes["right"].append(np.where(inner, right + self.size, -1))
        self.nodes["missing_left"].append(np.where(inner, missing_left, 1))
        self.nodes["leaf"].append(leaf)
        self.values.append(values[is_leaf])
        self.roots.append(self.size)
        self.group.append(group)
        self.size += count
        self.leaves += int(is_leaf.sum())

    def final(self, arrays, threshold_type):
        out = {"kind": "trees", "width": self.width, "groups": self.groups,
               "values": arrays.add(np.concatenate([v.reshape(-1) for v in self.values]), "f8"),
               "root": arrays.add(self.roots, "i4"), "group": arrays.add(self.group, "i4")}
        for key, parts in self.nodes.items():
            dtype = threshold_type if key == "threshold" else "i4"
            out[key] = arrays.add(np.concatenate(parts), dtype)
        return out


def _add_tree(forest, tree, values, group=0):
    missing = getattr(tree, "missing_go_to_left", None)
    if missing is None:
        missing = np.ones(tree.node_count, dtype=bool)
    forest.add(_below(tree.threshold), tree.feature, tree.children_left, tree.children_right,
               missing, tree.children_left < 0, values, group)


def _single_output(model):
    if getattr(model, "n_outputs_", 1) != 1:
        raise Unsupported("trees with several outputs")


def _trees(estimators, model, arrays, mean):
    """Trees whose leaves hold class fractions or a value; forests take the mean."""
    _single_output(model)
    classifier = hasattr(model, "classes_")
    width = len(model.classes_) if classifier else 1
    forest = Forest(width, width)
    for estimator in estimators:
        _add_tree(forest, estimator.tree_, estimator.tree_.value[:, 0, :width])
    final = forest.final(arrays, "f4")
    final.update(mean=mean, base=arrays.add(np.zeros(width), "f8"))
    if classifier:
        final.update(rule="argmax", labels=_labels(model.classes_, arrays))
    else:
        final.update(rule="value", squeeze=True)
    return final


def _decision_tree(model, arrays, columns):
    return _trees([model], model, arrays, False)


def _forest(model, arrays, columns):
    return _trees(model.estimators_, model, arrays, True)


def _gradient_boosting(model, arrays, columns):
    groups = model.estimators_.shape[1]
    base = model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype="f4"))
    again = model._raw_predict_init(np.ones((1, model.n_features_in_), dtype="f4"))
    if not np.array_equal(base, again):
        raise Unsupported("gradient boosting from another model")
    forest = Forest(1, groups)
    for stage in model.estimators_:
        for group, estimator in enumerate(stage):
            tree = estimator.tree_
            _add_tree(forest, tree, model.learning_rate * tree.value[:, 0, :1], group)
    final = forest.final(arrays, "f4")
    final.update(mean=False, base=arrays.add(base, "f8"))
    if hasattr(model, "classes_"):
        final["rule"] = "sign_inclusive" if groups == 1 else "argmax"
        final["labels"] = _labels(model.classes_, arrays)
    else:
        final.update(rule="value", squeeze=True)
    return final


def _hist_gradient_boosting(model, arrays, columns):
    if getattr(model, "is_categorical_", None) is not None and np.any(model.is_categorical_):
        raise Unsupported("HistGradientBoosting with categorical columns")
    groups = len(model._predictors[0])
    forest = Forest(1, groups)
    for stage in model._predictors:
        for group, predictor in enumerate(stage):
            nodes = predictor.nodes
            # These trees compare doubles with <=; the next double makes it <.
            forest.add(np.nextafter(nodes["num_threshold"], np.inf), nodes["feature_idx"],
                       nodes["left"].astype("i8"), nodes["right"].astype("i8"),
                       nodes["missing_go_to_left"], nodes["is_leaf"].astype(bool),
                       nodes["value"].reshape(-1, 1), group)
    final = forest.final(arrays, "f8")
    base = np.broadcast_to(np.asarray(model._baseline_prediction, "f8").reshape(-1), (groups,))
    final.update(mean=False, base=arrays.add(base, "f8"))
    if hasattr(model, "classes_"):
        final["rule"] = "sign" if groups == 1 else "argmax"
        final["labels"] = _labels(model.classes_, arrays)
    else:
        loss = getattr(model, "loss", "squared_error")
        final.update(rule="exp" if loss in ("poisson", "gamma") else "value", squeeze=True)
    return final


FINALS = {
    "DecisionTreeClassifier": _decision_tree, "DecisionTreeRegressor": _decision_tree,
    "ExtraTreeClassifier": _decision_tree, "ExtraTreeRegressor": _decision_tree,
    "RandomForestClassifier": _forest, "RandomForestRegressor": _forest,
    "ExtraTreesClassifier": _forest, "ExtraTreesRegressor": _forest,
    "GradientBoostingClassifier": _gradient_boosting,
    "GradientBoostingRegressor": _gradient_boosting,
    "HistGradientBoostingClassifier": _hist_gradient_boosting,
    "HistGradientBoostingRegressor": _hist_gradient_boosting,
}
for _each in LINEAR_CLASSIFIERS | LINEAR_REGRESSORS | EXPONENTIAL_REGRESSORS:
    FINALS[_each] = _linear


# -- the probe


class Ranges:
    """Where a model was fitted: for each column a range and values that matter."""

    def __init__(self, columns):
        self.low, self.high = np.full(columns, -3.0), np.full(columns, 3.0)
        self.points = [np.zeros(0) for _ in range(columns)]

    def learn(self, model, columns):
        """Learns about `columns` (numbers of the input's) from a step that sees them unchanged.
        Returns true when the next step sees them unchanged too."""
        name = _name(model)
        if name == "Pipeline":
            return all(self.learn(step, columns) for _, step in model.steps)
        if name == "ColumnTransformer":
            names = [str(n) for n in getattr(model, "feature_names_in_", [])] or None
            for _, transformer, selector in model.transformers_:
                numbers = _column_numbers(selector, names, len(columns))
                if numbers and not isinstance(transformer, str):
                    self.learn(transformer, [columns[n] for n in numbers])
            return False
        for i, column in enumerate(columns):
            self._learn_column(model, name, i, column)
        if hasattr(model, "tree_") or hasattr(model, "estimators_") or hasattr(model, "_predictors"):
            self._learn_splits(model, columns)
        return name == "SimpleImputer" or isinstance(model, str)

    def _learn_column(self, model, name, i, column):
        if name == "StandardScaler" and model.scale_ is not None:
            mean = 0.0 if model.mean_ is None else model.mean_[i]
            self.low[column] = mean - 3 * model.scale_[i]
            self.high[column] = mean + 3 * model.scale_[i]
        elif name == "MinMaxScaler":
            self.low[column], self.high[column] = model.data_min_[i], model.data_max_[i]
        elif name == "MaxAbsScaler":
            self.low[column], self.high[column] = -model.max_abs_[i], model.max_abs_[i]
        elif name == "RobustScaler" and model.scale_ is not None:
            center = 0.0 if model.center_ is None else model.center_[i]
            self.low[column] = center - 3 * model.scale_[i]
            self.high[column] = center + 3 * model.scale_[i]
        elif name in ("OneHotEncoder", "OrdinalEncoder"):
            categories = np.asarray(model.categories_[i], dtype="f8")
            self.points[column] = categories[~np.isnan(categories)]
            self.low[column] = self.high[column] = np.nan

    def _learn_splits(self, model, columns):
        splits = [[] for _ in columns]
        for feature, threshold in _all_splits(model):
            for i in range(len(columns)):
                splits[i].append(threshold[feature == i])
        for i, column in enumerate(columns):
            values = np.concatenate(splits[i]) if splits[i] else np.zeros(0)
            if values.size:
                margin = max(0.25 * (values.max() - values.min()), 1e-3)
                self.low[column], self.high[column] = values.min() - margin, values.max() + margin
                self.points[column] = np.unique(values)[:THRESHOLDS_KEPT]

    def rows(self, count, random):
        columns = []
        for low, high, points in zip(self.low, self.high, self.points):
            if np.isnan(low):
                columns.append(random.choice(points, count))
                continue
            values = random.uniform(low, high, count)
            if points.size:
                exact = random.random(count) < 0.2
                values = np.where(exact, random.choice(points, count), values)
            columns.append(values)
        return np.stack(columns, axis=1)


def _all_splits(model):
    if hasattr(model, "_predictors"):
        for stage in model._predictors:
            for predictor in stage:
                inner = predictor.nodes[predictor.nodes["is_leaf"] == 0]
                yield inner["feature_idx"], inner["num_threshold"]
        return
    trees = [model] if hasattr(model, "tree_") else np.asarray(model.estimators_).reshape(-1)
    for estimator in trees[:50]:
        tree = estimator.tree_
        inner = tree.children_left >= 0
        yield tree.feature[inner], tree.threshold[inner]


def _answers(model, rows, names):
    if names is not None:
        import pandas
        rows = pandas.DataFrame(rows, columns=names)
    return np.asarray(model.predict(rows))


def export(model):
    """The flat form of a fitted model as bytes, and what it must answer: (rows, answers)."""
    if not _is_sklearn(model):
        raise Unsupported(f"{type(model).__module__}.{_name(model)} is not scikit-learn's")
    steps = [step for _, step in model.steps] if _name(model) == "Pipeline" else [model]
    final = steps.pop()
    if not _is_sklearn(final) or _name(final) not in FINALS:
        raise Unsupported(f"estimator {_name(final)}")
    columns = int(model.n_features_in_)
    arrays, width, out = Arrays(), columns, []
    for step in steps:
        more, width = transform_steps(step, arrays, width)
        out += more
    ranges = Ranges(columns)
    for step in steps + [final]:
        if not ranges.learn(step, list(range(columns))):
            break
    names = getattr(model, "feature_names_in_", None)
    random = np.random.default_rng(20240229)
    rows = ranges.rows(PROBE_ROWS, random)
    answers = _answers(model, rows, names)
    holed = rows[:PROBE_ROWS_MISSING].copy()
    holed[random.random(holed.shape) < 0.2] = np.nan
    try:
        rows, answers, missing = (np.concatenate([rows, holed]),
                                  np.concatenate([answers, _answers(model, holed, names)]), True)
    except ValueError:
        missing = False
    header = {"columns": columns, "missing": missing, "steps": out,
              "final": FINALS[_name(final)](final, arrays, width)}
    header["arrays"] = arrays.table()
    return arrays.blob(header), (np.ascontiguousarray(rows, dtype="f8"), answers)
