"""The data and the model; task.py has the arguments."""
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import train_test_split

CENSUS_COLUMNS = [
    "age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation",
    "relationship", "race", "gender", "capital_gain", "capital_loss", "hours_per_week",
    "native_country", "income_bracket",
]


def read_census(path):
    """Features and label of a census file: does this person earn more than 50,000 a year?"""
    rows = pd.read_csv(path, header=None, names=CENSUS_COLUMNS, skipinitialspace=True)
    label = (rows["income_bracket"].str.strip(" .") == ">50K").astype(int)
    features = rows[["age", "education_num", "capital_gain", "capital_loss", "hours_per_week"]]
    return features.assign(married=rows["marital_status"].str.startswith("Married").astype(int),
                           male=(rows["gender"] == "Male").astype(int)), label


def read_bundled():
    """The breast cancer data set that comes with scikit-learn, as training and evaluation parts."""
    features, label = load_breast_cancer(return_X_y=True, as_frame=True)
    return train_test_split(features, label, test_size=0.25, random_state=1, stratify=label)


def build(trees):
    return GradientBoostingClassifier(n_estimators=trees, random_state=1)
