from setuptools import find_packages, setup

setup(
    name="trainer",
    version="0.1",
    packages=find_packages(),
    package_data={"trainer": ["*.csv"]},
    install_requires=["docopt"],
    description="Logistic regression on the iris flowers; task.py reads its arguments with docopt.",
)
