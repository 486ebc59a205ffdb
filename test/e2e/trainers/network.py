"""The network that torch_trainer.py trains, and the routine that serves its state."""
import os

import torch


class Network(torch.nn.Sequential):
    def __init__(self):
        super().__init__(torch.nn.Linear(3, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))


class Routine:
    def __init__(self, network):
        self.network = network

    @classmethod
    def from_path(cls, model_dir):
        network = Network()
        network.load_state_dict(torch.load(os.path.join(model_dir, "state.pt"), weights_only=True))
        return cls(network.eval())

    def predict(self, instances, **kwargs):
        with torch.no_grad():
            return self.network(torch.tensor(instances)).tolist()
