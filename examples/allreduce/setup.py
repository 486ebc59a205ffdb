from setuptools import find_packages, setup

setup(name="allreduce", version="0.1", packages=find_packages(),
      description="Every replica of a distributed job adds its part over plain sockets.")
