"""The data and the model; task.py has the arguments."""
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

CENSUS_COLUMNS = [
    "age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation",
    "relationship", "race", "gender", "capital_gain", "capital_loss", "hours_per_week",
    "native_country", "income_bracket",
]


def read_census(path):
    """Features and label of a census file: does this person earn more than 50,000 a year?"""
    rows = pd.read_csv(path, header=None, names=CENSUS_COLUMNS, skipinitialspace=True)
    label = rows.pop("income_bracket").str.strip(" .") == ">50K"
    return rows.drop(columns=["fnlwgt"]), label


def read_bundled():
    """The breast cancer data set that comes with scikit-learn, as training and evaluation parts."""
    features, label = load_breast_cancer(return_X_y=True, as_frame=True)
    return train_test_split(features, label, test_size=0.25, random_state=1, stratify=label)


def build(regularization):
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(columns, LogisticRegression(C=regularization, max_iter=1000))
