"""A Ray cluster of two nodes on this machine, in a process of its own, so that nothing of it stays in the tests'.

Prints the address. The line `kill` on standard input ends the second node as a crash would, and is answered by
`killed`; the end of standard input ends the cluster.
"""

import os
import socket
import sys
import warnings
from contextlib import ExitStack, closing

os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    # A busy machine is slow, not broken.
    "RAY_raylet_start_wait_time_s": "300",
    "RAY_health_check_timeout_ms": "60000",
    "RAY_health_check_initial_delay_ms": "60000",
}
if hasattr(os, "sched_setaffinity"):
    # One core for all: another one stays free for whatever else the machine does.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
warnings.simplefilter("ignore")


def ports() -> dict[str, int]:
    """Free ports of a node's agents. A node that must find them waits 15 s for its agents, and fails then."""
    names = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port", "runtime_env_agent_port")
    with ExitStack() as stack:
        taken = [stack.enter_context(closing(socket.socket())) for _ in names]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in zip(names, taken, strict=True)}


def main() -> None:
    # Ray reads the variables when it is imported.
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={**node, **ports()})
    try:
        second = cluster.add_node(**node, **ports())
        cluster.wait_for_nodes()
        print(cluster.address, flush=True)
        for line in sys.stdin:
            if line.strip() == "kill":
                cluster.remove_node(second, allow_graceful=False)
                print("killed", flush=True)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
