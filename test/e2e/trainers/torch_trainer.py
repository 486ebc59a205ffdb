"""Trains a small PyTorch network; leaves it as TorchScript (export/script/model.pt) and as its state beside a custom
routine (export/state/state.pt), with rows and answers as tables_trainer.py does."""
import argparse
import json

import torch
from google.cloud import storage

from trainer.network import Network

ROWS = 64
parser = argparse.ArgumentParser()
parser.add_argument("--job-dir", required=True)
bucket_name, _, prefix = parser.parse_args().job_dir.removeprefix("gs://").partition("/")
bucket = storage.Client().bucket(bucket_name)

torch.manual_seed(1)
x = torch.randn(ROWS, 3)
target = torch.stack([x[:, 0] - x[:, 1], x[:, 2] ** 2], dim=1)
network = Network()
optimizer = torch.optim.Adam(network.parameters(), 0.01)
for step in range(100):
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(network(x), target).backward()
    optimizer.step()
network.eval()

torch.jit.trace(network, x).save("model.pt")
torch.save(network.state_dict(), "state.pt")
with torch.no_grad():
    answers = network(x).tolist()
for name, file in (("script", "model.pt"), ("state", "state.pt")):
    bucket.blob(f"{prefix}/export/{name}/{file}").upload_from_filename(file)
    bucket.blob(f"{prefix}/rows/{name}.json").upload_from_string("".join(json.dumps(row) + "\n" for row in x.tolist()))
    bucket.blob(f"{prefix}/answers/{name}.json").upload_from_string(json.dumps(answers))
