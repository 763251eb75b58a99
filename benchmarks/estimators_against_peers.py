"""Estimators against scikit-dimension's same ones, and the protocol of Ansuini et al.'s Figure 4.

    python benchmarks/estimators_against_peers.py

Every peer is called as its users call it, neighbor search included, with two threads.
"""

import argparse
import time
import warnings

import numpy as np
import torch
from activations import activations, trained_network

import estimators as ours
from estimators.manifolds import ball, embed

NUM_POINTS, K = 10_000, 64
THREADS = 2


def timed(function):
    began = time.perf_counter()
    value = function()
    return time.perf_counter() - began, value


def peers():
    """scikit-dimension's estimators with our settings, by our name."""
    from skdim import id as skdim

    return {
        "twonn_linear": lambda x: skdim.TwoNN(discard_fraction=0.1).fit(x),
        "gride": lambda x: skdim.GRIDE(n1=2, n2=4).fit(x),
        "mle": lambda x: skdim.MLE().fit(x, n_neighbors=K, n_jobs=THREADS),
        "mom": lambda x: skdim.MOM().fit(x, n_neighbors=K, n_jobs=THREADS),
        "mada": lambda x: skdim.MADA().fit(x, n_neighbors=K, n_jobs=THREADS),
        "mind_ml": lambda x: skdim.MiND_ML(k=K - 1, D=30).fit(x),
        "tle": lambda x: skdim.TLE().fit(x, n_neighbors=K, n_jobs=THREADS),
        "lpca": lambda x: skdim.lPCA().fit_pw(x, n_neighbors=K, n_jobs=THREADS),
    }


def same_ones():
    return {
        "twonn_linear": ours.TwoNN(method="linear"),
        "gride": ours.Gride(n1=2, n2=4),
        "mle": ours.MLE(k=K),
        "mom": ours.MOM(k=K),
        "mada": ours.MADA(k=K),
        "mind_ml": ours.MiNDML(k=K - 1),
        "tle": ours.TLE(k=K),
        "lpca": ours.LocalPCA(k=K),
    }


def compare(points, label):
    print(f"{label}: N={points.shape[0]} D={points.shape[1]} k={K}")
    search, neighbors = timed(lambda: ours.nearest_neighbors(points, K))
    search, neighbors = min(
        (search, neighbors),
        timed(lambda: ours.nearest_neighbors(points, K)),
        key=lambda pair: pair[0],
    )
    print(f"  {'neighbors, once for all':24s} {search:8.3f} s")
    total, total_peer = search, 0.0
    theirs = peers()
    for name, estimator in same_ones().items():
        estimator.estimate(neighbors)  # warms up
        spent, found = timed(lambda e=estimator: e.estimate(neighbors))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peer, result = timed(lambda n=name: theirs[n](points))
        local = getattr(result, "dimension_pw_", None)
        total, total_peer = total + spent, total_peer + peer
        theirs_value = result.dimension_ if local is None else float(np.mean(local))
        print(
            f"  {name:24s} {spent:8.3f} s   {found.dimension:6.2f}   "
            f"scikit-dimension {peer:8.2f} s   {theirs_value:6.2f}",
            flush=True,
        )
    print(f"  together {total:.2f} s of {total_peer:.1f} s: 1/{total_peer / total:.0f}")


def figure_4(points, num_subsamples=20):
    """Mean and spread over 20 subsamples of 1,800 of 2,016: the original procedure, and ours."""
    from scipy.spatial.distance import pdist, squareform

    def original():
        rng = np.random.default_rng(0)
        values = []
        for _ in range(num_subsamples):
            rows = rng.permutation(len(points))[:1800]
            nearest = np.sort(squareform(pdist(points[rows])), axis=1)[:, 1:3]
            mu = np.sort(nearest[:, 1] / nearest[:, 0])
            kept = int(0.9 * len(mu))
            x, y = np.log(mu[:kept]), -np.log(1 - np.arange(1, kept + 1) / len(mu))
            values.append((x @ y) / (x @ x))
        return np.mean(values)

    def read_off():
        length = ours.list_length(2, 1800 / 2016, len(points))
        neighbors = ours.nearest_neighbors(points, length)
        return ours.subsamples(neighbors, ours.TwoNN(method="linear"), 1800 / 2016, num_subsamples)

    read_off()
    mine, found = min((timed(read_off) for _ in range(3)), key=lambda pair: pair[0])
    theirs, mean = timed(original)
    print(
        f"Figure 4's protocol, {points.shape[0]} x {points.shape[1]}, {num_subsamples} x 1,800: "
        f"ours {mine:.3f} s (ID {found.mean:.2f}), original {theirs:.1f} s (ID {mean:.2f}): "
        f"1/{theirs / mine:.0f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["estimators", "protocol"])
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    network = trained_network()
    if options.only != "estimators":
        figure_4(activations(network, 2016, 4096).numpy())
    if options.only != "protocol":
        rng = np.random.default_rng(0)
        compare(embed(ball(NUM_POINTS, 10, rng), 40, rng), "10-ball in 40 units")
        compare(activations(network, NUM_POINTS, 128).numpy(), "activations")


if __name__ == "__main__":
    main()
