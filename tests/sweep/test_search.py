"""Searches: which trials they make, what they are told, and that they go on where they stood."""

import math

import pytest

from sweep.checking import plan_sweep
from sweep.config import SweepConfig
from sweep.errors import UserError
from sweep.execution import LocalProcess
from sweep.paths import Storage, open_storage
from sweep.pipeline import run_sweep
from sweep.planning import place_in_space
from sweep.progress import PlainProgress
from sweep.space import make_trials, point_of
from sweep.sweepfile import load_sweep
from sweep.training.searching import Search, check_search
from sweep.training.supply import Supply

BLOCKS = [
    {"model.name": "mlp", "training.learning_rate": {"loguniform": [1e-4, 1e-1]}},
    {"model.name": {"grid": ["cnn", "vit"]}, "model.width": {"choice": [None, 8]}},
]


def config_of(**sections):
    return SweepConfig.model_validate({"name": "s", **sections})


def searching(space, num_samples, **search):
    return config_of(
        space=space, search={"algorithm": "optuna", "num_samples": num_samples, **search}
    )


class Scores:
    """Values of trials by key, as if they had been trained; and what was made new."""

    def __init__(self, score):
        self.score = score
        self.values = {}
        self.made = []

    def value(self, trial):
        return self.values.get(trial.key)

    def add(self, new):
        self.made += new
        return new

    def run(self, config, planned=(), most=1000):
        """Ask until the search ends, at most so often; each trial ends at once."""
        search = Search(config, "", list(planned), self.value, self.add)
        found = []
        while len(found) < most and (suggested := search.suggest()) is not None:
            trial, _ = suggested
            self.values[trial.key] = self.score(trial)
            search.tell(trial)
            found.append(trial)
        return search, found


def study_of(search):
    return search._searcher._ot_study


def rate_score(trial):
    return -((math.log10(trial.config.training.learning_rate) + 2) ** 2)


RATE = [{"training.learning_rate": {"loguniform": [1e-4, 1e-1]}, "model.name": "mlp"}]


class TestRandom:
    def random(self, space, num, seed=0):
        search = {"algorithm": "random", "num_samples": num, "seed": seed}
        return make_trials(config_of(space=space, search=search), "")

    def test_num_samples_is_trials_in_all_and_more_keep_those_that_were_there(self):
        few, many = ([t.key for t in self.random(BLOCKS, n) if t.role == "trained"] for n in (4, 7))
        assert (len(few), len(many)) == (4, 7)
        assert many[:4] == few

    def test_all_blocks_and_all_values_come_up(self):
        names = {t.config.model.name for t in self.random(BLOCKS, 30) if t.role == "trained"}
        assert names == {"mlp", "cnn", "vit"}

    def test_a_small_space_gives_each_once_and_ends(self):
        space = [{"model.width": {"grid": [4, 8]}, "training.seed": {"grid": [0, 1]}}]
        trained = [t for t in self.random(space, 50) if t.role == "trained"]
        assert len(trained) == len({t.key for t in trained}) == 4

    def test_the_seed_matters(self):
        assert self.random(RATE, 2, seed=0)[-1].key != self.random(RATE, 2, seed=1)[-1].key


class TestOptuna:
    def test_gives_as_many_different_trials_as_asked_each_with_its_twin(self):
        scores = Scores(rate_score)
        search, found = scores.run(searching(RATE, 12))
        assert len({t.key for t in found}) == 12
        assert [t.role for t in scores.made].count("untrained") == 1  # they share it
        assert scores.made[0].role == "untrained"
        assert not search.is_exhausted

    def test_is_told_what_each_came_to(self):
        scores = Scores(rate_score)
        search, found = scores.run(searching(RATE, 8))
        told = {t.params["training.learning_rate"]: t.value for t in study_of(search).get_trials()}
        assert told == {
            t.config.training.learning_rate: pytest.approx(rate_score(t)) for t in found
        }

    def test_a_resumed_search_is_told_again_and_suggests_what_is_missing(self):
        scores = Scores(rate_score)
        _, first = scores.run(searching(RATE, 5))
        search, more = scores.run(searching(RATE, 8), planned=scores.made)
        assert len(more) == 3
        assert not {t.key for t in more} & {t.key for t in first}
        values = sorted(t.value for t in study_of(search).get_trials())
        assert values == pytest.approx(sorted(map(rate_score, first + more)))

    def test_a_finished_search_suggests_nothing(self):
        scores = Scores(rate_score)
        scores.run(searching(RATE, 5))
        _, more = scores.run(searching(RATE, 5), planned=scores.made)
        assert more == []

    def test_one_that_was_running_is_told_once_it_ends(self):
        scores = Scores(rate_score)
        _, first = scores.run(searching(RATE, 3))
        running = first[-1]
        del scores.values[running.key]
        search = Search(searching(RATE, 4), "", scores.made, scores.value, scores.add)
        states = [t.state.name for t in study_of(search).get_trials()]
        assert sorted(states) == ["COMPLETE", "COMPLETE", "RUNNING"]
        scores.values[running.key] = rate_score(running)
        search.tell(running)
        assert [t.state.name for t in study_of(search).get_trials()] == ["COMPLETE"] * 3

    def test_one_that_failed_is_told_as_failed(self):
        scores = Scores(lambda _: None)
        search, found = scores.run(searching(RATE, 3))
        assert len(found) == 3
        assert [t.state.name for t in study_of(search).get_trials()] == ["FAIL"] * 3

    @pytest.mark.parametrize("asked", [4, 9])
    def test_a_small_space_is_used_up_and_does_not_hang(self, asked):
        space = [{"model.width": {"grid": [4, 8]}, "training.seed": {"grid": [0, 1]}}]
        scores = Scores(lambda t: float(t.config.model.width))
        search, found = scores.run(searching(space, asked))
        assert len({t.key for t in found}) == len(found) == 4
        assert search.is_exhausted == (asked > 4)

    def test_blocks_are_united_and_told_again(self):
        scores = Scores(lambda t: 0.5)
        config = searching(BLOCKS, 12)
        _, found = scores.run(config)
        assert {t.config.model.name for t in found} == {"mlp", "cnn", "vit"}
        assert all(place_in_space(config, t.config) is not None for t in found)
        search, more = scores.run(searching(BLOCKS, 13), planned=scores.made)
        assert len(more) == 1
        assert len(study_of(search).get_trials()) >= 13

    def test_a_loss_is_made_low(self):
        scores = Scores(rate_score)
        search, _ = scores.run(searching(RATE, 1 + 1, metric="test_loss"))
        assert study_of(search).direction.name == "MINIMIZE"
        search, _ = scores.run(searching(RATE, 3, metric="test_loss", mode="max"))
        assert study_of(search).direction.name == "MAXIMIZE"

    def test_a_trial_that_can_not_be_does_not_stop_it(self):
        space = [{"model.name": "mlp", "model.kernel_size": {"choice": [None, 3]}}]
        scores = Scores(lambda t: 0.5)
        try:
            point_of(searching(space, 3), {"model.name": "mlp", "model.kernel_size": 3})
        except UserError:
            search, found = scores.run(searching(space, 3))
            assert len(found) == 1
            assert search.is_exhausted
        else:
            pytest.fail("an MLP has a kernel size now: choose another impossible trial")


class TestPlaces:
    def test_every_trial_of_a_space_has_its_place_and_others_none(self):
        config = config_of(space=BLOCKS)
        values = {"model.name": "vit", "model.width": None}
        assert place_in_space(config, point_of(config, values)) == (1, values)
        elsewhere = config_of(space=[{"model.name": "resnet"}])
        assert place_in_space(config, make_trials(elsewhere, "")[-1].config) is None

    def test_a_setting_outside_an_axis_or_elsewhere_in_the_file_is_no_trial_of_it(self):
        narrow = config_of(space=[RATE[0] | {"training.learning_rate": {"uniform": [0.1, 0.2]}}])
        point = point_of(
            config_of(space=RATE), {"training.learning_rate": 0.01} | {"model.name": "mlp"}
        )
        assert place_in_space(config_of(space=RATE), point) is not None
        assert place_in_space(narrow, point) is None
        longer = config_of(space=RATE, training={"epochs": 3})
        assert place_in_space(longer, point) is None


class TestChecks:
    @pytest.mark.parametrize(
        ("sections", "message"),
        [
            ({"search": {"algorithm": "optuna"}}, "no axis of the space varies"),
            (
                {"search": {"algorithm": "optuna"}, "training": {"epochs": 0}, "space": RATE},
                "training.epochs may be 0",
            ),
            (
                {"search": {"algorithm": "zoopt"}, "space": RATE},
                "needs a package that is not installed: pip install zoopt",
            ),
        ],
    )
    def test_what_can_not_be_searched_is_told_in_one_line(self, sections, message):
        with pytest.raises(UserError, match=message):
            check_search(config_of(**sections))

    def test_it_is_told_before_anything_is_run(self, tmp_path):
        storage = open_storage(tmp_path / "storage", create=True)
        with pytest.raises(UserError, match="no axis of the space varies"):
            plan_sweep(config_of(search={"algorithm": "optuna"}), storage)
        bucket = Storage(tmp_path / "mirror", "s3://bucket/prefix")
        population = {"name": "pbt", "mutations": {"training.dropout": {"uniform": [0.1, 0.2]}}}
        with pytest.raises(UserError, match="takes a storage in a folder that all nodes share"):
            plan_sweep(config_of(scheduler=population), bucket)

    def test_numbers_that_no_processor_trains_in_are_told(self, tmp_path):
        storage = open_storage(tmp_path / "storage", create=True)
        half = {"precision": "float16"}
        with pytest.raises(UserError, match=r"training.precision: float16 needs a GPU"):
            plan_sweep(config_of(training=half), storage)
        assert plan_sweep(config_of(training=half, resources={"gpus": 1}), storage).trials

    def test_a_grid_needs_nothing(self):
        check_search(config_of())


class TestSupply:
    def test_after_its_time_nothing_is_given_out(self):
        supply = Supply(["a", "b"], seconds=0.0)
        assert list(supply) == []
        assert supply.left_out == 2

    def test_in_time_all_is(self):
        supply = Supply(["a", "b"], seconds=1000.0)
        assert list(supply) == ["a", "b"]
        assert supply.left_out == 0
        assert not supply


FILE = """
name: found
training: {epochs: 1, batch_size: 256}
measure: {num_samples: 100}
regression: {resamples: 100}
search: {algorithm: optuna, num_samples: 3}
space:
  model.name: mlp
  model.width: {grid: [4, 8]}
  model.depth: 1
  training.learning_rate: {loguniform: [1.0e-3, 1.0e-1]}
"""


def test_a_whole_sweep_is_searched_resumed_and_extended(tmp_path):
    path = tmp_path / "found.yaml"
    path.write_text(FILE)
    storage = open_storage(tmp_path / "storage", create=True)

    def run(*overrides):
        lines = []
        file = load_sweep(path, list(overrides))
        result = run_sweep(file, storage, LocalProcess(), PlainProgress(lines.append))
        keys = [r.trial.key for r in result.results.results if r.trial.role == "trained"]
        return keys, lines, result

    first, lines, result = run()
    assert len(first) == 3
    assert "0 trials told, 3 of 3 to suggest" in " ".join(lines)
    twins = [r for r in result.results.results if r.trial.role == "untrained"]
    assert len(twins) == len({r.trial.config.model.width for r in result.results.results})
    plan = plan_sweep(load_sweep(path).config, storage)
    assert plan.trained == 3
    more, lines, _ = run("search.num_samples=5")
    assert more[:3] == first
    assert len(more) == 5
    assert "3 trials told, 2 of 5 to suggest" in " ".join(lines)
    fewer, *_ = run("search.num_samples=2")
    assert fewer == more[:2]
    run("search.algorithm=grid", "search.num_samples=1")
    back, lines, _ = run("search.num_samples=5")
    assert back == more
    assert "0 of 5 to suggest" in " ".join(lines)
    other, lines, _ = run("search.num_samples=1", "training.epochs=2")
    assert not set(other) & set(more)  # other settings are other trials
    assert "0 trials told, 1 of 1 to suggest" in " ".join(lines)


def test_a_time_budget_that_is_over_leaves_the_rest_to_the_next_run(tmp_path):
    path = tmp_path / "found.yaml"
    path.write_text(FILE.replace("optuna, num_samples: 3", "grid, num_samples: 2"))
    storage = open_storage(tmp_path / "storage", create=True)

    class Slow(LocalProcess):
        def _train(self, work, trial, observer):
            import time

            time.sleep(0.3)
            return super()._train(work, trial, observer)

    lines = []
    short = load_sweep(path, ["search.time_budget=0.2s"])
    result = run_sweep(short, storage, Slow(), PlainProgress(lines.append))
    assert result.failures == {}
    trained = [r for r in result.results.results if r.trial.role == "trained"]
    assert len(trained) == 1  # it began in time, and was let end
    assert any("0.2s are over, 3 trials did not begin: the next run goes on" in x for x in lines)
    rest = run_sweep(load_sweep(path), storage, LocalProcess(), PlainProgress(lines.append))
    assert sum(r.trial.role == "trained" for r in rest.results.results) == 4
