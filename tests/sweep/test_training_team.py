"""Two processes train the network that one trains, up to rounding."""

import socket
from pathlib import Path

import pytest
import torch

from sweep.config import SweepConfig
from sweep.data.partitions import prepare_data
from sweep.paths import Storage
from sweep.space import make_trials
from sweep.training.checkpoints import load_checkpoint, read_history
from sweep.training.stopping import StopTraining, read_stop
from sweep.training.team import ALONE, Team
from sweep.training.trainer import train_trial

CONFIG = {
    "name": "s",
    "model": {"name": "mlp", "width": 16, "depth": 1, "batch_norm": False},
    "training": {
        "epochs": 4,
        "optimizer": "sgd",
        "learning_rate": 0.3,
        "augmentation": "crop",
        "label_noise": 0.2,
        "num_images": 301,  # a last batch of 45, an odd number of images
        "accumulate": 2,
    },
    "measure": {"epochs": [0, 1.5]},
}


def trial_in(folder):
    config = SweepConfig.model_validate(CONFIG)
    storage = Storage(Path(folder))
    data = prepare_data(config.data, storage)
    trial = make_trials(config, data.digest)[-1]
    return trial, data, storage.sweep("s").trial(trial.key)


def train_until_three(folder, team=ALONE):
    def on_epoch(record):
        if record["epoch"] == 3:
            raise StopTraining("test")

    return train_trial(*trial_in(folder), on_epoch, team=team)


def work(rank, folder, port):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2
    )
    # Only the first is told of epochs; all stop with it.
    assert len(train_until_three(folder, Team(rank, 2))) == 3
    torch.distributed.destroy_process_group()


def test_two_processes_seal_what_one_seals(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    expected = train_until_three(one)
    trial, data, paths = trial_in(two)  # the data is there before both look for it
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(work, (two, port), nprocs=2)
    assert read_stop(paths).epoch == 3
    for record, same in zip(expected, read_history(paths.checkpoint(3)), strict=True):
        assert record == pytest.approx(same, rel=1e-4)
    for epoch in (0, 1.5, 3):
        state, other = (
            load_checkpoint(trial.at(epoch), data, trial_in(folder)[2]).state_dict()
            for folder in (one, two)
        )
        for name, tensor in state.items():
            torch.testing.assert_close(other[name], tensor, rtol=1e-3, atol=1e-5)
