"""The README shows what is: its spec is the example, its code is what the compiler prints of it."""

from __future__ import annotations

import re
from pathlib import Path

import rnnc
from rnnc.__main__ import COMMANDS
from rnnc.compiler.driver import Options

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_spec_is_the_example() -> None:
    (spec,) = blocks("rnn")
    assert spec == (ROOT / "examples" / "vanilla.rnn").read_text(encoding="utf-8")


def test_the_code_is_what_is_printed() -> None:
    printed = rnnc.compile(ROOT / "examples" / "vanilla.rnn", Options(level=0))
    shown = [block for block in blocks("python") if "def _" in block]
    assert len(shown) == 2
    for block in shown:
        for part in block.split("    …\n"):
            assert part in printed


def test_every_command_is_listed() -> None:
    named = set(re.findall(r"^\| `rnnc (\w+)", README, re.MULTILINE))
    assert named == set(COMMANDS)
