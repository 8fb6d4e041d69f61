"""Where the files stand that people decide on and read: recipes, targets, budgets.

In a checkout they stand in the folders teacher/, distill/, export/ and benchmarks/, and the projects of the apps in
android/, ios/ and web/; a wheel carries copies inside the package.
"""

from pathlib import Path

_PACKAGED = Path(__file__).parents[1] / "_resources"
ROOT = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[2]
