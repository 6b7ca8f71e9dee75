# SPDX-License-Identifier: Apache-2.0
"""The house, as a table: which folder stands on which tier, and the few includes that cross a tier on purpose.

An include goes to a lower tier. Folders of one tier do not include each other, except as named below. `tools/lint/lint`
enforces it; docs/ARCHITECTURE.md explains it.
"""

# folder -> height. Folders that share a height are neighbours, and neighbours do not include each other. Tables (2a)
# and edges (2b) are neighbours too.
HEIGHT = {
    "base": 0,
    "umem": 1,
    "packet": 1,
    "sessions": 2,
    "policy": 2,
    "nat": 2,
    "lb": 2,
    "routes": 2,
    "flows": 2,
    "lanes": 2,
    "xsk": 2,
    "kernel_redirect": 2,
    "pipeline": 3,
    "workers": 4,
    "config": 5,
    "status": 5,
    "control": 5,
    "agent": 5,
    "app": 6,
    "tools": 6,
    "bench": 6,
    "test": 6,
    "precompiled": 6,
}

# (who, whom) -> why. Keep it short: every line here is a debt.
NEIGHBOURS = {
    ("sessions", "nat"): "a session that ends gives its external port back",
    ("umem", "packet"): "a frame holds the packet that is read from it",
    ("xsk", "lanes"): "an AF_XDP lane satisfies the concept of lanes/",
    ("control", "config"): "control compiles what config read",
    ("control", "status"): "control publishes and answers from the registry",
    ("agent", "status"): "the agent renders what the core published",
    ("control", "agent"): "the core starts its child",
    ("precompiled", "test"): "tests have precompiled headers, too",
    ("test", "tools"): "the command line's parts are tested",
    ("test", "app"): "start-up is tested",
    ("test", "bench"): "generators are tested before their figures are believed",
    ("bench", "test"): "benchmarks use the packet builders of test/support",
}

# Tiers that may not call the kernel, read a clock or print: no header below these names. base/ wraps what they need.
SILENT_FOLDERS = (
    "umem", "packet", "sessions", "policy", "nat", "lb", "routes", "flows", "pipeline",
)
SILENT_BANNED_HEADERS = {
    "<unistd.h>": "system calls belong to base/ and the edges",
    "<sys/": "system calls belong to base/ and the edges",
    "<poll.h>": "system calls belong to base/ and the edges",
    "<fcntl.h>": "system calls belong to base/ and the edges",
    "<chrono>": "time is an argument (base/time.h: Now)",
    "<ctime>": "time is an argument (base/time.h: Now)",
    "<thread>": "only workers/ knows threads",
    "<cstdio>": "count, never print",
    "<iostream>": "count, never print",
    "<fstream>": "count, never print",
    "<fmt/": "count, never print",
}

# Folders whose code runs on worker threads.
HOT_FOLDERS = SILENT_FOLDERS + ("lanes", "xsk", "workers")
