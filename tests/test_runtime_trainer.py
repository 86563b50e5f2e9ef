"""Training: it learns, can be interrupted and resumed bit for bit, and stops when numbers blow up."""

from __future__ import annotations

import math
import types

import numpy as np
import pytest
from doubles import char_lstm as model
from rnnc.runtime import archive
from rnnc.runtime.batching import ArrayBatches, Fields, TextStreams
from rnnc.runtime.optimizers import SGD, Adam, cosine
from rnnc.runtime.trainer import Limit, NotFinite, Trainer, evaluate

SIZES = {"vocab": 5, "embed": 4, "hidden": 8}
TEXT = np.tile([1, 2, 3, 4, 4, 3, 2], 60)
FIELDS = Fields("x", "y", "T")


def trainer(steps=30, **options):
    batches = TextStreams(TEXT[:350], TEXT[350:], FIELDS, rows=4, chunk=10)
    options = {"rate": 0.05, "schedule": cosine(0.1), **options}
    return Trainer(
        model, model.init(**SIZES), batches, options.pop("optimizer", Adam()), Limit(steps), **options
    )


def same(a, b):
    return a.keys() == b.keys() and all((a[name] == b[name]).all() for name in a)


@pytest.mark.parametrize(("make", "rate"), [(Adam, 0.05), (SGD, 0.5)])
def test_it_learns(make, rate):
    run = trainer(120, optimizer=make(), rate=rate)
    before = evaluate(model, run.params, run.batches)
    run.run()
    assert before > 1.5 and run.best_loss < 0.4
    assert run.best_loss == evaluate(model, run.best, run.batches)


def test_evaluation_is_exact():
    run = trainer()
    whole = model.forward(run.params, {"x": TEXT[285:-1, None], "y": TEXT[286:, None]})
    before = model.forward(run.params, {"x": TEXT[285:349, None], "y": TEXT[286:350, None]})
    batches = TextStreams(TEXT[:350], TEXT[350:], FIELDS)
    batches.held_out = lambda: TextStreams.held_out(batches, rows=1, chunk=9)
    nll = (whole.nll["y"] - before.nll["y"]) / 70
    assert evaluate(model, run.params, batches) == pytest.approx(float(nll[0]), rel=1e-5)


@pytest.mark.parametrize("stop", [1, 7, 13, 29])
def test_resumed_equals_uninterrupted(tmp_path, stop):
    whole = trainer()
    whole.run()

    def interrupt(run):
        if run.step == stop:
            raise KeyboardInterrupt

    first = trainer(on_step=[interrupt])
    first.run()
    assert first.interrupted and first.step == stop and first.best
    archive.write(tmp_path / "state.npz", first.arrays(), {})
    second = trainer()
    second.restore(archive.read(tmp_path / "state.npz", lambda headers, meta: None).arrays)
    second.run()
    assert same(whole.params, second.params) and same(whole.optimizer.arrays(), second.optimizer.arrays())
    assert whole.step == second.step == 30 and not second.interrupted
    assert whole.loss == second.loss and second.best_loss <= whole.best_loss
    steps = [point.step for point in second.curve]
    assert steps == sorted(steps) and steps[-1] == 30


def test_noise_goes_on_too(monkeypatch):
    seeds = []
    original = model.forward
    noisy = lambda *a, **k: seeds.append(k.get("seed")) or original(*a, **k)  # noqa: E731
    monkeypatch.setattr(model, "forward", noisy)
    whole = trainer(6, evaluations=0)
    whole.run()
    drawn, seeds[:] = [seed for seed in seeds if seed is not None], []
    half = trainer(6, evaluations=0)
    for _ in range(3):
        half.advance()
    other = trainer(6, evaluations=0)
    other.restore(half.arrays())
    other.run()
    assert [seed for seed in seeds if seed is not None] == drawn and len(set(drawn)) == 6


def test_restoring_something_else():
    run = trainer()
    with pytest.raises(ValueError, match="'counts' is missing"):
        run.restore({"times": np.zeros(3), "curve": np.zeros((0, 5)), "optimizer:steps": np.array(1)})
    arrays = trainer().arrays() | {"params:b_y": np.zeros(9)}
    with pytest.raises(ValueError, match="other parameters"):
        run.restore(arrays)


def test_the_best_weights_are_kept():
    losses = iter([3.0, 1.0, 2.0, 2.5])
    kept = []
    run = trainer(8, evaluations=4, on_evaluation=[lambda r: kept.append((r.step, r.best_step))])
    run.module = types.SimpleNamespace(**vars(model))
    original = model.forward

    def forward(params, batch, **options):
        result = original(params, batch, **options)
        if "train" not in options and "state" not in options:
            forward.value = next(losses)
        if "train" not in options:
            result.loss = forward.value
        return result

    run.module.forward = forward
    run.run()
    assert kept == [(2, 2), (4, 4), (6, 4), (8, 4)] and run.best_loss == 1.0
    assert not same(run.best, run.params)


def test_time_ends_a_run():
    run = trainer(None)
    run.limit = Limit(seconds=0.2)
    run.run()
    assert 0.2 <= run.seconds < 5 and run.step > 0 and not run.interrupted


@pytest.mark.parametrize(
    ("limit", "done"),
    [(Limit(10), 0.3), (Limit(None, 2.0), 0.5), (Limit(10, 2.0), 0.5), (Limit(), 0.0), (Limit(0), 1.0)],
)
def test_limits(limit, done):
    assert limit.done(3, 1.0) == done and limit.done(1000, 1000.0) in (1.0, 0.0)


def test_a_nan_in_a_parameter_is_named():
    run = trainer()
    run.advance()
    run.params["h.W_fh"][2, 5] = math.nan
    with pytest.raises(NotFinite, match=r"step 2: parameter h\.W_fh is not finite \(nan at \[2, 5\]\)"):
        run.run()


def test_a_gradient_that_blows_up_is_named(monkeypatch):
    original = model.backward

    def backward(*args, **options):
        grads, inputs, start = original(*args, **options)
        grads["h.b_g"][1] = math.inf
        return grads, inputs, start

    monkeypatch.setattr(model, "backward", backward)
    with pytest.raises(NotFinite) as caught:
        trainer().run()
    assert (caught.value.step, caught.value.name, caught.value.index) == (1, "gradient of h.b_g", (1,))


def test_too_large_a_rate_is_caught():
    run = trainer(200, optimizer=SGD(), rate=1e38, clip=1e30, schedule=lambda done: 1.0)
    with pytest.raises(NotFinite, match="not finite"):
        run.run()
    assert run.step < 200


def squares():
    """A module that is no network: loss = mean (w - x)² over valid rows of x, as padding may hold NaN."""

    def loss_and_grad(params, batch, workspace=None, **options):
        run = forward(params, batch)
        error = np.where(np.arange(3)[:, None] < batch["T"], params["w"] - batch["x"], 0)
        return run.loss, {"w": 2 * error.sum(keepdims=True)[0] / batch["T"].sum()}

    def forward(params, batch, **options):
        valid = np.arange(3)[:, None] < batch["T"]
        error = np.where(valid, params["w"] - batch["x"], 0)
        loss = float((error**2).sum() / batch["T"].sum())
        return types.SimpleNamespace(loss=loss, outputs={"y": error}, nll={}, state={})

    return types.SimpleNamespace(forward=forward, loss_and_grad=loss_and_grad, workspace=lambda p, b: None)


def arrays_trainer(x):
    lengths = np.array([3, 2] * 10)
    batches = ArrayBatches({"x": x, "T": lengths}, {"x": 1, "T": 0}, ["T"], rows=6)
    return Trainer(squares(), {"w": np.zeros(1)}, batches, SGD(0.0), Limit(60), rate=0.2, clip=100.0)


def test_arrays_are_learnt_and_padding_may_be_anything():
    x = np.full((3, 20), 5.0)
    x[2, 1::2] = math.nan
    run = arrays_trainer(x)
    run.run()
    assert run.params["w"] == pytest.approx(5) and run.best_loss < 1e-6


def test_a_nan_in_the_data_is_named():
    x = np.zeros((3, 20))
    x[1, 4] = math.inf
    with pytest.raises(NotFinite, match="input x is not finite"):
        arrays_trainer(x).run()
