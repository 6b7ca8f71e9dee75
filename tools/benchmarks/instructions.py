# SPDX-License-Identifier: Apache-2.0
"""Instructions an operation, by callgrind: a program calls one contender so often and then more often; what the second
run has more, by how many operations it did more. Setting up is in both and cancels out. Two runs agree to the digit,
whatever else the machine does."""

import re
import subprocess

FEW, MANY = 1, 4


class CountingFailed(Exception):
    pass


def per_operation(program, comparison, contender):
    few, operations = count(program, comparison, contender, FEW)
    many, _ = count(program, comparison, contender, MANY)
    return (many - few) / ((MANY - FEW) * operations)


def count(program, comparison, contender, calls):
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, "--only", comparison, "--count",
         str(calls), "--contender", contender],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        check=False)
    return read_counts(run.stdout, comparison, contender)


def read_counts(text, comparison, contender):
    """(instructions of the whole run, operations a call)."""
    collected = re.search(r"Collected : (\d+)", text)
    wanted = rf"^counted: (\d+) operations a call: {re.escape(comparison)}, {re.escape(contender)}$"
    operations = re.findall(wanted, text, re.MULTILINE)
    if not collected or len(operations) != 1 or text.count("counted: ") != 1:
        raise CountingFailed(text.strip()[-500:])
    return int(collected.group(1)), int(operations[0])
