# SPDX-License-Identifier: Apache-2.0
"""The steps of --all that are not Meson tests: minutes of fuzzing, and clang-tidy."""

import concurrent.futures
import os
import re
import subprocess
from dataclasses import dataclass

import meson
from plan import FUZZ_SECONDS

# A target alone has a few hundred; with the libraries behind it thousands.
FEWEST_COUNTERS = 1000


@dataclass(frozen=True)
class Fuzzed:
    inputs: int
    counters: int
    first: int
    last: int


def fuzz_targets(build):
    return [t for t in meson.introspect(build, "--targets") if t["name"].startswith("fuzz_")]


def fuzz_programs(build):
    """Relative to the build folder."""
    return meson.relative(build, (name for target in fuzz_targets(build) for name in target["filename"]))


def fuzz(build, results, env):
    """Runs each libFuzzer target for FUZZ_SECONDS from its corpus. What it finds new stays in the build folder."""
    targets = fuzz_targets(build)
    corpora = {t["name"]: t["cmd"][1:] for t in meson.introspect(build, "--tests")}
    jobs = max(1, os.cpu_count() or 1)
    with concurrent.futures.ThreadPoolExecutor(max_workers=jobs) as pool:
        list(pool.map(lambda t: fuzz_one(build, t, corpora, results, env), targets))


def fuzz_one(build, target, corpora, results, env):
    name = target["name"]
    seeds = corpora.get("fuzz " + name.removeprefix("fuzz_"), [])
    found = os.path.join(meson.folder_of(build), "found", name)
    os.makedirs(found, exist_ok=True)
    command = [target["filename"][0], found, *seeds, f"-max_total_time={FUZZ_SECONDS}", "-timeout=10",
               "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={found}/crash-of-"]
    run = meson.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    said = what_libfuzzer_said(run.stdout or "")
    if run.returncode != 0 or said is None:
        print(run.stdout[-4000:], flush=True)
        results.failure(build.name, name, f"libFuzzer ended with {run.returncode}; the input is in {found}")
    elif said.counters < FEWEST_COUNTERS:
        results.failure(build.name, name, f"it watches {said.counters} edges only: the libraries are not instrumented")
    else:
        print(f"{name}: {said.inputs} inputs in {FUZZ_SECONDS} s, coverage {said.first} -> {said.last} of "
              f"{said.counters} edges, nothing found", flush=True)
        results.success(build.name, name)


def what_libfuzzer_said(text):
    """Inputs, edges that are watched, and how many were reached in the beginning and in the end; None if it did not."""
    units = re.search(r"stat::number_of_executed_units: (\d+)", text)
    counters = re.search(r"\((\d+) inline 8-bit counters\)", text)
    coverage = re.findall(r"\bcov: (\d+)", text)
    if not units or not counters or not coverage:
        return None
    return Fuzzed(int(units.group(1)), int(counters.group(1)), int(coverage[0]), int(coverage[-1]))


def tidy(build, results, env):
    """clang-tidy over every source of ours; the checks are in .clang-tidy, the runner is tools/lint/tidy."""
    code = run_tidy(build, env)
    if code == 0:
        results.success(build.name, "clang-tidy")
    elif code == 77:
        results.skip(build.name, "clang-tidy", "clang-tidy-14 is not installed")
    else:
        results.failure(build.name, "clang-tidy", "its complaints are above")


def run_tidy(build, env):
    """The runner's exit code. It keeps what is clean, so it can be ended and run again."""
    runner = os.path.join(meson.ROOT, "tools", "lint", "tidy")
    return meson.run([runner, "-p", meson.folder_of(build)], env=env).returncode
