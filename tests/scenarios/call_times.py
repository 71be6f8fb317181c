"""When calls came and how long they were in flight, by the simulator's ledger. Scenarios and
benchmarks judge an account's pace with it, never by a clock of their own."""

import json
import urllib.request

MOST_LINES_AT_ONCE = 10_000
SECOND = 1_000_000
# Signing in has no pace, and what comes due by itself was not called.
UNPACED = ("token", "login", "callbacks_list", "callback_register")


def calls_of(simulator, system, since=0):
    """The paced calls behind the line `since`, in the order they came; the last line's number."""
    calls = []
    while True:
        with urllib.request.urlopen(f"{simulator}/_sim/ledger?system={system}&since={since}"
                                    f"&limit={MOST_LINES_AT_ONCE}", timeout=60) as answer:
            since = int(answer.headers["Sim-Last-Seq"])
            lines = [json.loads(line) for line in answer.read().splitlines()]
        calls += [line for line in lines
                  if line["method"] != "CLOCK" and line["action"] not in UNPACED]
        if not lines:
            return sorted(calls, key=lambda call: call["us"]), since


def most_in(starts, window_us):
    """The most calls that came within any stretch of time of this length."""
    most, first = 0, 0
    for last, start in enumerate(starts):
        while starts[first] <= start - window_us:
            first += 1
        most = max(most, last - first + 1)
    return most


def answered_us(call):
    return call["us"] + max(1, call.get("delayUs", 0))


def most_in_flight(calls):
    events = sorted([(call["us"], 1) for call in calls]
                    + [(answered_us(call), -1) for call in calls])
    now = most = 0
    for _, step in events:
        now += step
        most = max(most, now)
    return most


def per_second(starts):
    return (len(starts) - 1) / (starts[-1] - starts[0]) * SECOND


def longest_pause(starts):
    """Between which two calls nothing came for the longest time: the index of the later one."""
    return max(range(1, len(starts)), key=lambda i: starts[i] - starts[i - 1])
