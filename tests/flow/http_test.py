"""Promises about what is HTTP and what is not: tests/http/cases, each answered as wanted however it is cut."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http"))
import feed  # noqa: E402


def _feed_all(flow, how, seeds=(0,)):
    p = flow.penstock({"open": flow.sink()}, flow.redis(), sources=["open: { verify: none }"])
    cases = feed.read_cases()
    assert len(cases) >= 200, len(cases)
    wrong = []
    for case in cases:
        for seed in seeds:
            why = feed.feed(p.port, case, how, "%s %d" % (case.name, seed))
            if why:
                wrong.append("%s (%s): %s" % (case.name, case.source, why))
    assert not wrong, "%d of %d:\n%s" % (len(wrong), len(cases) * len(seeds), "\n".join(wrong))


def answers_each_http_case_as_wanted(flow):
    _feed_all(flow, "whole")


def answers_each_http_case_fed_byte_by_byte(flow):
    _feed_all(flow, "bytes")


def answers_each_http_case_split_at_random(flow):
    _feed_all(flow, "random", range(3))
