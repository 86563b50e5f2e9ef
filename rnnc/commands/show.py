"""``rnnc show``: explains a spec."""

from __future__ import annotations

import argparse

from .options import add_compile_options


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("spec", metavar="F.rnn", help="`-` is standard input")
    add_compile_options(command)
