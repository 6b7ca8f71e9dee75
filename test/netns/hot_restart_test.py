# SPDX-License-Identifier: Apache-2.0
"""`culvert restart`: a successor takes over lanes and sessions, and no packet is lost.

A ping every 2 ms crosses each restart and every one is answered; idle TCP connections still carry a byte there and
back; under iperf3 -P 8 no connection breaks. The successor can run another configuration, and when it can't start,
nothing changes; so it is when a link changes or a signal comes meanwhile. A stricter policy ends sessions that were
taken over. Of 20,000 sessions 99.9 % go on, and for 50 ms at most there is no answer: in the median of a mode's quiet
restarts, which of two (in the short tier) is the better one. Printed: that, and how long packets waited.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time

from connections import Connections, EchoServer
from flooding import begin_sessions, route_the_flood
from house import SANITIZED, House, by_tier, require_command, usual, wait_until
from leftovers import mounts_of_our_own

ZONES = """
zones: {inside: {}, outside: {}}
policy:
  rules:
    - {name: out, from: inside, to: outside, action: permit}
sessions: {timeouts: {tcp_syn: 1h, tcp_fin: 1h, tcp_reset: 1h, udp: 1h, icmp: 1h}}  # none ends meanwhile
"""
INTERFACES = "  lan0: {zone: inside}\n  wan0: {zone: outside}"
IDLE = 100
SESSIONS = 2_000 if SANITIZED else 20_000
RESTARTS = by_tier(1, 4, 20)
GAP_MS = 50


def answers(text):
    """(sent, numbers of those that were answered, longest gap in ms) of a ping."""
    sent = int(re.search(r"(\d+) packets transmitted", text).group(1))
    found = re.findall(r"^\[(\d+\.\d+)\].*bytes from.* icmp_seq=(\d+)", text, re.M)
    times = [float(when) for when, _ in found]
    return sent, [int(number) for _, number in found], max(b - a for a, b in zip(times, times[1:])) * 1000


def waited_ms(log):
    said = re.search(r"took over from culvertd \S+: (\d+) lanes, whose packets waited ([\d.]+) ms", log)
    assert said, log
    lanes, waited = said.groups()
    return int(lanes), float(waited)


def quiet_restart(house, idle, lanes):
    """Nothing but pings, slow enough that nobody's queue is ever full: not one may be missing. Longest gap in ms."""
    begin_sessions(house, SESSIONS)
    ping = house.spawn("client", "ping", "-D", "-i", "0.002", "-w", "3", house.server4, stdout=subprocess.PIPE)
    time.sleep(1)
    before, logged = house.sessions(), len(house.log())
    answer = house.restart_culvert()
    assert sorted(answer["interfaces"]) == ["lan0", "wan0"], answer
    sent, answered, gap = answers(ping.communicate(timeout=30)[0])
    log = house.log()[logged:]
    taken, waited = waited_ms(log)
    print(f"quiet: {before} sessions, {taken} lanes, packets waited {waited} ms, {len(answered)} of {sent} pings "
          f"answered, longest gap {gap:.1f} ms")
    assert taken == lanes, log
    # The last ones may come after the end.
    lost = set(range(1, max(answered))) - set(answered)
    assert not lost and max(answered) > sent * 0.9, f"{lost} lost, {max(answered)} of {sent} answered\n{log}"
    go_on = sum(map(int, re.findall(r"(\d+) sessions of an earlier run go on", log)))
    assert go_on >= 0.999 * before, f"{go_on} of {before} sessions go on\n{log}"
    assert idle.alive() == IDLE
    return gap


def loaded_restart(house, idle):
    iperf = house.spawn("client", "iperf3", "-c", house.server4, "-P", "8", "-t", "3", "--json",
                        stdout=subprocess.PIPE)
    ping = house.spawn("client", "ping", "-D", "-i", "0.01", "-w", "3", house.server4, stdout=subprocess.PIPE)
    time.sleep(1)
    logged = len(house.log())
    house.restart_culvert()
    sent, answered, gap = answers(ping.communicate(timeout=30)[0])
    result = json.loads(iperf.communicate(timeout=30)[0])
    _, waited = waited_ms(house.log()[logged:])
    print(f"iperf3 -P 8: packets waited {waited} ms, {len(answered)} of {sent} pings answered, "
          f"longest gap {gap:.1f} ms, {result['end']['sum_received']['bits_per_second'] / 1e9:.2f} Gbit/s")
    assert "error" not in result, result["error"]
    assert idle.alive() == IDLE


def failed_restart(house):
    """A file that cannot be used: said, and nothing has changed."""
    path = house.work / "culvert.yaml"
    good = path.read_text()
    path.write_text(good + "\nnonsense: true\n")
    done = house.culvert("restart", check=False)
    path.write_text(good)
    assert done.returncode != 0 and "successor" in done.stdout, done.stdout
    assert house.daemon.poll() is None
    house.ping(house.server4)


def late_failure(house):
    """One that only shows when nearly all has been made: the running culvertd keeps what it has in the kernel."""
    rules = house.router("ip", "rule").stdout
    assert "iif culvert0" in rules, rules
    busy = house.spawn("router", sys.executable, "-c", "import socket, time\n"
                       "s = socket.create_server(('127.0.0.1', 9643))\nprint('ready', flush=True)\ntime.sleep(60)",
                       stdout=subprocess.PIPE)
    assert busy.stdout.readline() == "ready\n"
    path = house.work / "culvert.yaml"
    good = path.read_text()
    path.write_text(good.replace("metrics: {enabled: false}", "metrics: {listen: '127.0.0.1:9643'}"))
    done = house.culvert("restart", check=False)
    path.write_text(good)
    house.stop(busy)
    assert done.returncode != 0 and "nothing has changed" in done.stdout, done.stdout
    assert house.router("ip", "rule").stdout == rules
    house.ping(house.server4)


def answers_five(house):
    done = house.client("ping", "-c", "5", "-i", "0.05", "-W", "1", house.server4, check=False)
    return " 0% packet loss" in done.stdout


def disturbed_restart(house, idle, disturb, after):
    """Something happens while the successor gets ready: it takes over, or says why not; packets flow in any case."""
    asked = house.spawn("router", str(house.build / "tools/culvert/culvert"), "--socket", str(house.control_path),
                        "restart", "--json", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    time.sleep(after)
    disturb()
    said = asked.communicate(timeout=60)[0]
    if asked.returncode == 0:
        house.adopt(json.loads(said)["pid"])
    else:
        assert "nothing has changed" in said, said + house.log()
        assert house.daemon.poll() is None, house.log()
    # It may be ready before it hears that a link has changed.
    wait_until(lambda: answers_five(house), 20, lambda: f"packets flow\n{house.log()}")
    assert idle.alive() == IDLE, house.log()
    return asked.returncode == 0


def disturbed_restarts(house, idle):
    def mtu(*sizes):
        for size in sizes:
            house.router("ip", "link", "set", "wan0", "mtu", str(size))

    harmless = (lambda: mtu(1400), lambda: mtu(1500), lambda: house.daemon.send_signal(signal.SIGHUP))
    for after in (0.02, 0.1, 0.2):
        for disturb in harmless:
            assert disturbed_restart(house, idle, disturb, after), house.log()
    # One that fits no frame: whoever hears of it closes the interface, and the next one opens it.
    went_on = [disturbed_restart(house, idle, lambda: mtu(2000, 1500), after) for after in (0.02, 0.1, 0.2)]
    print(f"an MTU that fits no frame: {sum(went_on)} of {len(went_on)} took over, the others said why not")


def descriptors(house):
    return len(os.listdir(f"/proc/{house.daemon.pid}/fd"))


def changed_restart(house, idle):
    """Another number of frames: lanes are made anew, sessions go on all the same."""
    path = house.work / "culvert.yaml"
    good = path.read_text()
    path.write_text(good.replace("system:\n", "system:\n  frames: 32768\n", 1))
    answer = house.restart_culvert()
    assert answer["interfaces"] == [], answer
    assert idle.alive() == IDLE
    path.write_text(good)


def stricter_restart(house, idle):
    """The successor's rules count for sessions that it has taken over."""
    path = house.work / "culvert.yaml"
    path.write_text(path.read_text().replace("action: permit", "action: deny"))
    before = len(house.session_rows(state="established"))
    house.restart_culvert()
    after = len(house.session_rows(state="established"))
    assert after >= before >= IDLE, (before, after)  # not one is lost, until its next packet
    assert idle.alive(within=3) == 0


def moved_restart(house):
    """The successor shall keep sessions in another folder: there they begin anew, and everything else goes on."""
    moved = house.work / "moved"
    moved.mkdir()
    house.config_text = house.config_text.replace("sessions: {", f"sessions: {{directory: {moved}, ")
    (house.work / "culvert.yaml").write_text(house.config_text)
    logged = len(house.log())
    answer = house.restart_culvert()
    assert sorted(answer["interfaces"]) == ["lan0", "wan0"], answer
    assert "sessions begin anew: the file that was used is in another folder" in house.log()[logged:], house.log()
    house.ping(house.server4)
    assert [path.name for path in moved.glob("sessions.*")], list(moved.iterdir())
    # The next one finds them there.
    before = house.sessions()
    house.restart_culvert()
    assert before > 0 and house.sessions() >= before, (before, house.sessions())
    house.ping(house.server4)


def main():
    require_command("iperf3")
    mounts_of_our_own()
    for mode, queues in (("closed", 2), ("open", 1)):
        with House(system=f"  fail: {mode}", interfaces=INTERFACES, config=ZONES, memory=True, queues=queues,
                   workers=queues) as house:
            route_the_flood(house)
            house.start_culvert()
            EchoServer(house)
            house.spawn("server", "iperf3", "-s")
            time.sleep(0.5)
            house.ping(house.server4)
            idle = Connections(house, house.server4, IDLE)
            print(f"fail: {mode}, {queues} workers, {house.memory_text()}")
            gaps = [quiet_restart(house, idle, lanes=2 * queues)]
            house.assert_conservation()
            open_descriptors = descriptors(house)
            for _ in range(RESTARTS):
                gaps.append(quiet_restart(house, idle, lanes=2 * queues))
                loaded_restart(house, idle)
            assert SANITIZED or usual(gaps) <= GAP_MS, f"no answer for {gaps} ms"
            assert descriptors(house) <= open_descriptors, (open_descriptors, descriptors(house))
            failed_restart(house)
            late_failure(house)
            disturbed_restarts(house, idle)
            changed_restart(house, idle)
            wait_until(lambda: house.ready(), 10, "lanes are up")
            house.ping(house.server6)
            house.assert_conservation()
            stricter_restart(house, idle)
            moved_restart(house)


main()
