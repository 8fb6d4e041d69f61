"""Tests run beside each other, one on each core: the numeric libraries in them have one thread each."""

import numpy  # noqa: F401
import torch
from threadpoolctl import threadpool_info


def test_numeric_libraries_have_one_thread() -> None:
    assert {pool["filepath"]: pool["num_threads"] for pool in threadpool_info() if pool["num_threads"] != 1} == {}
    assert torch.get_num_threads() == 1
