from setuptools import find_packages, setup

setup(
    name="trainer",
    version="0.1",
    packages=find_packages(),
    install_requires=["scikit-learn", "pandas", "gcsfs"],
    description="A scikit-learn classifier, as a user of the service would write it.",
)
