"""The curve as a table and a picture, and the progress line."""

from __future__ import annotations

import io
import math
import types
import xml.etree.ElementTree as ElementTree

import pytest
from rnnc.runtime.chart import ticks
from rnnc.runtime.curve import BITS, Measure, to_csv, to_svg
from rnnc.runtime.progress import ProgressLine, clock
from rnnc.runtime.trainer import Limit, Point

NAN = math.nan
CURVE = [Point(10, 1.0, 0.01, 3.0, NAN), Point(20, 2.5, 0.005, 2.0, 2.5), Point(20, 2.6, 0.005, NAN, 2.25)]
SVG = "{http://www.w3.org/2000/svg}"


def test_the_table():
    lines = to_csv(CURVE, Measure()).split("\n")
    assert lines[0] == "step,seconds,learning_rate,train_loss,held_out_loss"
    assert lines[1:] == ["10,1.000,0.01,3,", "20,2.500,0.005,2,2.5", "20,2.600,0.005,,2.25", ""]
    assert to_csv(CURVE, BITS).split("\n")[1] == "10,1.000,0.01,4.32809,"


def drawn(curve, title="net", measure=BITS):
    root = ElementTree.fromstring(to_svg(curve, measure, title))
    lines = [element.get("points").split() for element in root.iter(f"{SVG}polyline")]
    return root, lines, [element.text for element in root.iter(f"{SVG}text")]


def test_the_picture():
    root, (training, held_out), words = drawn(CURVE, title="a < b & c")
    assert len(training) == 2 and len(held_out) == 2 and len(list(root.iter(f"{SVG}circle"))) == 2
    assert {"a < b & c", "bits per character", "training steps", "training", "held out", "0", "20"} <= set(
        words
    )
    (x1, y1), (x2, y2) = (map(float, point.split(",")) for point in training)
    assert x1 < x2 and y1 < y2  # later to the right, lower loss further down
    numbers = [float(value) for point in training + held_out for value in point.split(",")]
    assert all(0 <= value <= 720 for value in numbers)


LITTLE = {
    "nothing": ([], 0),
    "no losses": ([Point(0, 0.0, 0.1, NAN, NAN)], 0),
    "one point": ([Point(1, 1.0, 0.1, 2.0, 2.0)], 2),
    "no change": (CURVE[:1] * 3, 1),
}


@pytest.mark.parametrize(("curve", "count"), LITTLE.values(), ids=LITTLE)
def test_pictures_of_little(curve, count):
    _, lines, words = drawn(curve)
    assert "training steps" in words and len(lines) == count


def test_an_outlier_does_not_flatten_the_rest():
    curve = [Point(1, 0.1, 0.1, 1000.0, NAN), *(Point(n, 0.1, 0.1, 3 - n / 100, NAN) for n in range(2, 102))]
    _, (training,), _ = drawn(curve)
    heights = [float(point.split(",")[1]) for point in training]
    assert heights[-1] - heights[1] > 200 and min(heights) > 0


@pytest.mark.parametrize(
    "low, high", [(0, 1), (1.93, 4.8), (0, 1), (0, 12345), (-3, 0.5), (1e-9, 3e-9), (0.5, 1e6)]
)
def test_ticks_are_few_and_round(low, high):
    found = ticks(low, high)
    assert 3 <= len(found) <= 9 and low <= min(found) + 1e-9 and max(found) - 1e-9 <= high
    assert all(len(f"{value:.6g}") <= 7 for value in found)


def trainer(**change):
    values = {
        "step": 3,
        "loss": 2.0,
        "best": {},
        "best_loss": 1.5,
        "seconds": 10.0,
        "limit": Limit(seconds=70),
    }
    return types.SimpleNamespace(**{**values, **change})


def test_a_line_now_and_then():
    stream = io.StringIO()
    line = ProgressLine(stream, BITS, every=3600)
    for step in range(5):
        line(trainer(step=step))
    assert stream.getvalue() == "step 0 · loss 2.000 · 2.885 bits per character · … · 1:00 left\n"


def test_what_the_line_says():
    line = ProgressLine(io.StringIO(), Measure(), every=0)
    line(trainer(step=1))
    line(trainer(step=101, best={"W": 1}, limit=Limit(steps=1000)))
    last = line.stream.getvalue().split("\n")[-2]
    assert last.startswith("step 101 · loss 2.000 · held out 1.500 · ") and "steps/s" in last


def test_clock():
    assert [clock(s) for s in (0, 9.4, 59.6, 61, 3600, NAN)] == ["0:00", "0:09", "1:00", "1:01", "60:00", "–"]
