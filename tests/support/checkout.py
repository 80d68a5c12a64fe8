"""Paths of the checkout in which these tests are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
SCRIPTS = ROOT / "scripts"
TESTS = ROOT / "tests"
DATA = TESTS / "data"
