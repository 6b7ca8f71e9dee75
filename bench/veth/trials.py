# SPDX-License-Identifier: Apache-2.0
"""What is done with beds: devices compared by turns at overload, and the highest rate at which nothing is lost."""

import contextlib
import statistics
import time
from dataclasses import dataclass, field, replace

from bed import cpu_ns

AGAIN = " (A/A)"
# A trial at overload shall send for so long.
TRIAL_SECONDS = 0.35
# The search for the highest rate without loss ends when it knows it so well, and confirms it so often.
RESOLUTION = 0.03
CONFIRMATIONS = 2
MOST_TRIES = 6


@dataclass
class Series:
    """The trials of one device in one case."""

    rounds: list = field(default_factory=list)  # Mpps, None where the trial was void
    offered: list = field(default_factory=list)
    cpu_ns: list = field(default_factory=list)
    stolen_s: float = 0.0
    lost: dict = field(default_factory=dict)
    voids: list = field(default_factory=list)

    def add(self, trial):
        self.rounds.append(None if trial.void else trial.mpps)
        if trial.void:
            self.voids.append(trial.void)
            return
        self.offered.append(trial.offered_mpps)
        self.cpu_ns.append(trial.cpu_ns_per_packet)
        self.stolen_s += trial.stolen_s
        for where, count in trial.lost.items():
            self.lost[where] = self.lost.get(where, 0) + count

    @property
    def mpps(self):
        return [value for value in self.rounds if value is not None]

    @property
    def median(self):
        return statistics.median(self.mpps) if self.mpps else None


def alternate(contenders, order, rounds, around=contextlib.nullcontext):
    """{name: Series}. contenders: [(name, bed)]; each once a round, in an order that rotates. Packets for a trial are
    chosen by a first one that does not count. around(name) gives the context in which the trial runs."""
    series = {name: Series() for name, _ in contenders}
    packets = {name: packets_for(bed, order) for name, bed in contenders}
    for number in range(rounds):
        for i in range(len(contenders)):
            name, bed = contenders[(i + number) % len(contenders)]
            with around(name):
                series[name].add(bed.run(replace(order, packets=packets[name])))
    return series


def packets_for(bed, order):
    """Enough for each flow; exactly that when every packet shall begin one."""
    least = max(1 << 17, order.flows)
    trial = bed.run(replace(order, packets=least))
    return order.flows if order.new else max(least, int(trial.offered_mpps * 1e6 * TRIAL_SECONDS))


def ratio(one, other):
    """The median over the rounds of one round's ratio: the machine's moods last longer than a round, and cancel out."""
    ratios = [a / b for a, b in zip(one.rounds, other.rounds) if a and b]
    return statistics.median(ratios) if ratios else None


def mean_of(one, again):
    """Of a device that ran twice a round: a reference that is half as noisy as either."""
    rounds = [(a + b) / 2 if a and b else None for a, b in zip(one.rounds, again.rounds)]
    return Series(rounds=rounds)


def null_ratio(series, name):
    """The same of a device against itself, as a number of at least 1."""
    itself = ratio(series[name], series[name + AGAIN]) or 1.0
    return max(itself, 1 / itself)


def typical_difference(series, name):
    """How far two runs of the same device are apart: larger over smaller in one round, the median over the rounds."""
    pairs = [(a, b) for a, b in zip(series[name].rounds, series[name + AGAIN].rounds) if a and b]
    return statistics.median([max(pair) / min(pair) for pair in pairs] or [1.0])


def lossless_mpps(bed, order, at_most_mpps, seconds=0.5):
    """The highest rate that was sent without loss, every time it was tried; a binary search, then confirmed. Packets
    leave evenly, in bursts of order.batch. Returns (Mpps, trials); 0.0 when every rate lost something."""
    low, high, trials = 0.0, at_most_mpps, 0

    def holds(mpps, times):
        nonlocal trials
        for _ in range(times):
            trials += 1
            rate = int(mpps * 1e6)
            if not bed.run(replace(order, rate=rate, packets=int(rate * seconds))).lossless:
                return False
        return True

    while high - low > RESOLUTION * high and high > 0.01:
        middle = (low + high) / 2
        if holds(middle, 1):
            low = middle
        else:
            high = middle
    for _ in range(MOST_TRIES):
        if low == 0.0 or holds(low, CONFIRMATIONS):
            break
        low *= 0.9
    else:
        low = 0.0
    return low, trials


def idle_cpu_percent(pid, thread, seconds):
    """CPU in per cent of a core while nothing happens: of one thread, or of the whole process (thread None)."""
    before, begin = cpu_ns(pid, thread), time.monotonic()
    time.sleep(seconds)
    return (cpu_ns(pid, thread) - before) / (time.monotonic() - begin) / 1e7
