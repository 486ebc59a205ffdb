"""A custom prediction routine: a model of its author's own form, and an argument beside the instances."""
import json
import os


class ClippedLinear:
    def __init__(self, weights, least):
        self.weights, self.least = weights, least

    @classmethod
    def from_path(cls, model_dir):
        with open(os.path.join(model_dir, "weights.json")) as file:
            return cls(**json.load(file))

    def predict(self, instances, **kwargs):
        scale = kwargs.get("scale", 1)
        return [scale * max(sum(w * v for w, v in zip(self.weights, row)), self.least) for row in instances]
