"""Reads tests/http/cases and feeds one case to a server; what comes back is statuses and an ending.

A line of the file is `name | source | wanted | bytes`. In bytes, \\r \\n \\t \\\\ \\xHH are escapes and
{x*N} is x (escapes allowed) N times; nothing else is special, and the blanks around it are not part of it.
`wanted` is the statuses of all answers in their order, 1xx too, and how the connection is afterwards:
`close` (the server ends it), `keep` (another request is answered) or `cut` (the request is not whole:
the sender ends its side, and nothing but the statuses named may be answered).
`or` stands between two answers that are both right."""
import os
import random
import re
import socket

CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases")
PROBE = b"POST /hooks/open HTTP/1.1\r\nHost: probe\r\nContent-Length: 5\r\n\r\nprobe"


class Case:
    def __init__(self, line):
        self.name, self.source, wanted, text = (part.strip(" ") for part in line.rstrip("\n").split(" | ", 3))
        self.wanted = []
        for answer in wanted.split(" or "):
            *statuses, ending = answer.split()
            assert ending in ("close", "keep", "cut"), line
            self.wanted.append(([int(s) for s in statuses], ending))
        self.bytes = unescape(text)


def unescape(text):
    text = re.sub(r"\{((?:\\.|[^{}\\])+)\*(\d+)\}", lambda m: m.group(1) * int(m.group(2)), text)
    special = {"r": b"\r", "n": b"\n", "t": b"\t", "\\": b"\\"}

    def one(m):
        e = m.group(1)
        return special[e.decode()] if e[:1] != b"x" else bytes([int(e[1:], 16)])
    return re.sub(rb"\\(x[0-9a-fA-F]{2}|[rnt\\])", one, text.encode("latin-1"))


def read_cases():
    with open(CASES, encoding="latin-1") as f:
        cases = [Case(line) for line in f if line.strip() and not line.startswith("#")]
    names = [c.name for c in cases]
    assert len(set(names)) == len(names), "a name twice: %s" % [n for n in names if names.count(n) > 1]
    return cases


def pieces_of(data, how, seed=0):
    """whole, bytes (one by one) or random (a few pieces, the same ones for the same seed)."""
    if how == "whole":
        return [data]
    if how == "bytes":
        return [data[i:i + 1] for i in range(len(data))]
    dice = random.Random(seed)
    at = sorted(dice.randrange(len(data) + 1) for _ in range(dice.randint(1, 6)))
    return [p for p in (data[a:b] for a, b in zip([0] + at, at + [len(data)])) if p]


class Answers:
    """The responses on one connection, read one by one."""

    def __init__(self, s):
        self.s, self.buffer, self.ended = s, b"", False

    def _more(self):
        try:
            got = self.s.recv(65536)
        except ConnectionError:
            got = b""
        self.ended = self.ended or not got
        self.buffer += got

    def next(self, to_head=False):
        """A status; None at the end; a text when what came is no response."""
        while b"\r\n\r\n" not in self.buffer:
            if self.ended:
                return "cut answer %r" % self.buffer if self.buffer else None
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        m = re.match(rb"HTTP/1\.1 (\d{3}) ", head)
        if not m:
            return "no answer: %r" % head[:60]
        status = int(m.group(1))
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        want = 0 if status < 200 or status in (204, 304) or to_head or not length else int(length.group(1))
        while len(self.buffer) < want and not self.ended:
            self._more()
        self.buffer = self.buffer[want:]
        return status


def send_all(s, pieces):
    try:
        for piece in pieces:
            s.sendall(piece)
    except ConnectionError:
        pass  # refused before its end: the answer is there to be read


def feed(port, case, how, seed=0, patience=10):
    """None when the answer is one of those wanted, else what differs."""
    tries = [_feed(port, case, statuses, ending, how, seed, patience) for statuses, ending in case.wanted]
    return None if None in tries else tries[0]


def _feed(port, case, statuses, ending, how, seed, patience):
    got = []
    with socket.create_connection(("127.0.0.1", port), patience) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers = Answers(s)
        to_head = case.bytes.startswith(b"HEAD ")
        try:
            send_all(s, pieces_of(case.bytes, how, seed))
            if ending == "cut":
                s.shutdown(socket.SHUT_WR)
            for _ in statuses:
                got.append(answers.next(to_head))
            if got != statuses:
                return "%s instead of %s" % (got, statuses)
            if ending == "keep":
                send_all(s, [PROBE])
            last = answers.next()
        except socket.timeout:
            return "%s, then silence" % got
    if ending == "keep":
        return None if last == 200 else "%s, then %s to a good request" % (got, last)
    return None if last is None else "%s, then %s instead of the end" % (got, last)
