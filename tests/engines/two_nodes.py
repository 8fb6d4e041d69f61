"""A Ray cluster of two nodes on this machine, in a process of its own, so that nothing of it stays in the tests'.

Prints the address. The line `kill` on standard input ends the second node as a crash would, and is answered by
`killed`; the end of standard input ends the cluster.
"""

import os
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    # A busy machine is slow, not broken.
    "RAY_raylet_start_wait_time_s": "60",
    "RAY_worker_niceness": "0",
    "RAY_health_check_timeout_ms": "60000",
    "RAY_health_check_initial_delay_ms": "60000",
}
if hasattr(os, "sched_setaffinity"):
    # One core for all: another one stays free for whatever else the machine does.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
warnings.simplefilter("ignore")

T = TypeVar("T")

TRIES = 6
"""Nodes that are started before the test gives up: Ray ends one whose agent is not there within 15 s."""


def main() -> None:
    # Ray reads the variables when it is imported.
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    cluster = started(lambda: Cluster(initialize_head=True, head_node_args=node))
    try:
        second = started(lambda: cluster.add_node(**node))
        cluster.wait_for_nodes()
        print(cluster.address, flush=True)
        for line in sys.stdin:
            if line.strip() == "kill":
                cluster.remove_node(second, allow_graceful=False)
                print("killed", flush=True)
    finally:
        cluster.shutdown()


def started(start: Callable[[], T]) -> T:
    for _ in range(TRIES - 1):
        with suppress(Exception):
            return start()
    return start()


if __name__ == "__main__":
    main()
