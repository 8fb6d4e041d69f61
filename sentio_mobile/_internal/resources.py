"""Location of the files that are not Python: recipes, targets, budgets and the app projects.

In a checkout they are in teacher/, distill/, export/, benchmarks/, android/, ios/ and web/. A wheel has copies of them
inside the package.
"""

from pathlib import Path

_PACKAGED = Path(__file__).parents[1] / "_resources"
ROOT = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[2]
