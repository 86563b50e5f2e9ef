"""What came of the properties: for people, as JSON, as JUnit XML; and the failing case in a file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

from .. import archive
from ..module import Arrays
from .case import Case
from .compare import Failure
from .data import full
from .run import FAILED, NOT_APPLICABLE, PASSED, UNDECIDED, Result
from .subject import Subject
from .table import BITS, NAMES

WIDTH = max(map(len, NAMES))
KINDS = {
    "params": "parameter", "batch": "input", "cotangents": "cotangent of",
    "grad": "gradient of parameter", "dbatch": "gradient of input", "dstate": "gradient of state",
    "outputs": "output", "nll": "negative log-likelihood of", "state": "final state",
}  # fmt: skip


POSITIVE = "  real inputs are drawn positive: with others there are results that are no numbers"


@dataclass(frozen=True, slots=True)
class Tested:
    """A spec's results. ``path`` is how the user named it, ``options`` how it was compiled; ``saved`` has the
    files of failing cases by property."""

    path: str
    subject: Subject
    results: Sequence[Result]
    seed: int = 0
    examples: int = 10
    options: str = ""
    saved: Mapping[str, Path] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        return any(result.status == FAILED for result in self.results)

    def __str__(self) -> str:
        return text(self)

    def again(self, result: Result) -> str:
        """The command that repeats it; of a module in memory, the call."""
        if self.path.startswith("<"):
            numbers = f"examples={self.examples}, seed={self.seed}"
            return f"rnnc.properties.check_property(m, {result.property.name!r}, {numbers})"
        words = ["rnnc test", self.path, f"--property {result.property.name}", f"--seed {self.seed}"]
        return " ".join([*words, f"--examples {self.examples}", *([self.options] if self.options else [])])


# ------------------------------------------------------------------------------------------------ text


def text(tested: Tested) -> str:
    """One line per property, failures below their line, totals last."""
    lines = [f"{tested.path}", *([POSITIVE] if tested.subject.positive else [])]
    for result in tested.results:
        lines.append(f"  {result.property.name:<{WIDTH}}  {headline(result)}")
        if result.status == FAILED:
            lines += [f"      {line}" for line in story(tested, result)]
    return "\n".join([*lines, f"  {totals(tested.results)}"])


def headline(result: Result) -> str:
    if result.status in (NOT_APPLICABLE, UNDECIDED):
        return f"{result.status}: {result.reason}"
    if result.status == FAILED:
        return "FAILED"
    return f"passed   {_error(result)}, {_count(result.examples, 'case')}"


def _error(result: Result) -> str:
    """The worst error against the tolerance; nothing to say where not a bit may differ."""
    tolerance = result.property.tolerance
    return tolerance if tolerance == BITS else f"worst error {_number(result.worst)} x {tolerance}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def totals(results: Iterable[Result]) -> str:
    counts = Counter(result.status for result in results)
    return ", ".join(f"{counts[status]} {status}" for status in (PASSED, FAILED, NOT_APPLICABLE, UNDECIDED)
                     if counts[status] or status in (PASSED, FAILED))  # fmt: skip


def story(tested: Tested, result: Result) -> list[str]:
    """A failure in the user's terms."""
    failure, case = result.failure, result.case
    assert failure is not None and case is not None
    lines = [result.property.statement, *what(tested, failure)]
    lines += [f"at {case.text()}" + (f", weights times {case.scale:g}" if case.scale != 1 else "")]
    saved = tested.saved.get(result.property.name)
    lines += [f"saved: {saved} (rnnc test {tested.path} --case {saved})"] if saved else []
    return [*lines, f"again: {tested.again(result)}"]


def what(tested: Tested, failure: Failure) -> list[str]:
    """Where and how much."""
    part, _, key = failure.name.partition(".")
    lines = [f"{place(tested, failure)}{KINDS.get(part, '')} {key or part}".strip()] if part else []
    if failure.found is not None and failure.wanted is not None:
        index = f"{key or part}{list(failure.index)}" if failure.index else key or part
        where = f" ({failure.place})" if failure.place else ""
        error = abs(failure.found - failure.wanted)
        allowed = f", {_number(failure.tolerance)} allowed" if failure.tolerance else ""
        one, other = failure.labels
        lines.append(f"{index}{where}: {one} {failure.found:.12g}, {other} {failure.wanted:.12g}; "
                     f"off by {_number(error)}{allowed}")  # fmt: skip
    else:
        lines.append(failure.message)
    if failure.line is not None and tested.subject.spec is not None:
        lines.append(f"line {failure.line}: {tested.subject.spec.source(failure.line)}")
    return lines


def place(tested: Tested, failure: Failure) -> str:
    return f"{tested.path}:{failure.line}: " if failure.line else ""


def _number(value: float) -> str:
    return "0" if value == 0 else f"{value:.2g}"


# ------------------------------------------------------------------------------------------------ JSON


def as_json(tested: Tested) -> dict[str, Any]:
    return {
        "path": tested.path,
        "seed": tested.seed,
        "properties": [_result_json(tested, result) for result in tested.results],
        "totals": dict(Counter(result.status for result in tested.results)),
    }


def _result_json(tested: Tested, result: Result) -> dict[str, Any]:
    item = result.property
    found: dict[str, Any] = {
        "name": item.name, "statement": item.statement, "tolerance": item.tolerance, "status": result.status,
        "reason": result.reason, "examples": result.examples, "worst": finite(result.worst),
        "seconds": round(result.seconds, 3),
    }  # fmt: skip
    if result.failure is not None and result.case is not None:
        failure = result.failure
        found["failure"] = {
            "name": failure.name, "index": list(failure.index), "place": failure.place, "line": failure.line,
            "message": failure.message, "labels": list(failure.labels), "found": finite(failure.found),
            "wanted": finite(failure.wanted), "tolerance": finite(failure.tolerance),
            "sizes": {**dict(result.case.steps), "B": result.case.rows, **dict(result.case.dims)},
            "seed": result.case.seed, "scale": result.case.scale, "again": tested.again(result),
            "saved": str(tested.saved[item.name]) if item.name in tested.saved else None,
        }  # fmt: skip
    return found


def finite(value: float | None) -> float | str | None:
    """JSON has no infinity."""
    return value if value is None or math.isfinite(value) else str(value)


# ----------------------------------------------------------------------------------------------- JUnit


def junit(all_tested: Iterable[Tested]) -> str:
    root = xml.Element("testsuites")
    for tested in all_tested:
        counts = Counter(result.status for result in tested.results)
        skipped = counts[NOT_APPLICABLE] + counts[UNDECIDED]
        suite = xml.SubElement(
            root, "testsuite", name=tested.path, tests=str(len(tested.results)), failures=str(counts[FAILED]),
            errors="0", skipped=str(skipped), time=f"{sum(r.seconds for r in tested.results):.3f}",
        )  # fmt: skip
        for result in tested.results:
            _case_xml(suite, tested, result)
    xml.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def _case_xml(suite: xml.Element, tested: Tested, result: Result) -> None:
    line = result.failure.line if result.failure else None
    case = xml.SubElement(
        suite, "testcase", name=result.property.name, classname=tested.path, file=tested.path,
        line=str(line or 1), time=f"{result.seconds:.3f}",
    )  # fmt: skip
    if result.failure is not None:
        lines = story(tested, result)
        xml.SubElement(case, "failure", message="; ".join(what(tested, result.failure))).text = "\n".join(
            lines
        )
    elif result.status != PASSED:
        xml.SubElement(case, "skipped", message=f"{result.status}: {result.reason}")


# ------------------------------------------------------------------------------------------------ files


def save(folder: Path, subject: Subject, result: Result) -> Path:
    """The shrunk case as an `.npz`: its arrays, and in its note what makes them again."""
    assert result.case is not None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{subject.name}.{result.property.name}.npz"
    arrays: Arrays = {}
    try:
        data = full(subject, result.case)
        parts = {
            "params": data.params,
            "batch": data.batch,
            "state": data.state or {},
            "cotangents": data.cotangents,
        }
        arrays = {f"{part}.{name}": value for part, values in parts.items() for name, value in values.items()}
    except Exception:  # a module that fails to run leaves nothing to save but the sizes
        pass
    archive.write(path, arrays, {"property": result.property.name, "case": result.case.note()})
    return path


def saved_case(path: Path) -> tuple[str, Case]:
    """The property and the case that `save` wrote."""
    meta = archive.read_meta(path)
    try:
        return str(meta["property"]), Case.from_note(meta["case"])
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{path}: not a case that `rnnc test` saved") from None
