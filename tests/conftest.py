"""Options and settings of all tests."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("repository", derandomize=True, deadline=None, max_examples=100)
settings.load_profile("repository")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens", action="store_true", help="write what is now produced into the golden files"
    )
    parser.addoption("--mutants", type=int, default=1000, help="how many damaged specs to try")
