"""Promises about the scripts that run inside Redis, called as an owner of a journal calls them."""
import os

LUA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../src/relay/lua")
BASE = "penstock:{000000001}:"
TOKEN = "0123456789abcdef"


class Owner:
    """Of a journal that holds nothing but what it commits."""

    def __init__(self, redis):
        self.redis, self.version = redis, 0
        redis.cli("SET", BASE + "owner", TOKEN)
        self.commit_script = "#!lua flags=allow-oom\n" + "".join(open(os.path.join(LUA, name)).read() for name in ("state.lua", "commit.lua"))

    def commit(self, *ops, token=TOKEN, before=None):
        """Its first word."""
        if before is None:
            before, self.version = self.version, self.version + 1
        keys = [BASE + kind for kind in ("owner", "journal", "settled", "requests", "lanes", "moved")]
        said = self.redis.cli("EVAL", self.commit_script, 6, *keys, token, before or "", before + 1, *(word for op in ops for word in op))
        return said.split("\n")[0]

    def event(self, n):
        words = self.redis.cli("HGETALL", BASE + "event:%d" % n).split("\n")
        return dict(zip(words[::2], words[1::2]))

    def figures(self):
        """In bytes, but for those that are 0."""
        words = self.redis.cli("HGETALL", BASE + "settled").split("\n")
        return {k: int(v) for k, v in zip(words[::2], words[1::2]) if k != "version" and v != "0"}

    def score(self, kind, n):
        return self.redis.cli("ZSCORE", BASE + kind, n)


BODY = ("body", 7, "the head", "the body")
HELD = 230  # of each record and its place in a set, as commit.lua has it


def what_is_noted_of_an_entry_goes_with_it(flow):
    """That it came twice; where it moved to stays, for its copy is found by that."""
    owner = Owner(flow.redis())
    claim_script = "".join(open(os.path.join(LUA, name)).read() for name in ("state.lua", "claim.lua"))
    keys = [BASE + kind for kind in ("owner", "journal", "settled", "requests", "lanes", "moved")]
    claim = lambda n, place: owner.redis.cli("EVAL", claim_script, 6, *keys, TOKEN, n, place, 60).split("\n")[-1]
    for n in range(1, 5):
        owner.redis.cli("XADD", BASE + "journal", "%d-0" % n, "to", "")
    assert [claim(n, "") for n in (1, 3)] == ["duplicate"] * 2 and claim(1, "000000002-9") == "duplicate"
    assert claim(2, "000000002-9") == "000000002-9" and claim(2, "000000002-10") == "000000002-9"
    assert owner.commit(("trim", 3)) == "ok"
    assert owner.redis.cli("ZRANGE", BASE + "twice", 0, -1) == "3" and owner.redis.cli("HKEYS", BASE + "moved") == "2"
    assert claim(3, "000000002-9") == "duplicate"
    before = owner.redis.cli("ZRANGE", BASE + "twice", 0, -1)
    owner.redis.cli("RENAME", BASE + "twice", "aside")
    owner.redis.cli("SET", BASE + "twice", "foreign")
    assert claim(3, "") == "duplicate" and claim(4, "000000002-9") == "000000002-9", "a key of another kind hinders nobody"
    assert owner.commit(("trim", 3)) == "ok" and owner.redis.cli("GET", BASE + "twice") == "foreign"
    owner.redis.cli("RENAME", "aside", BASE + "twice")
    assert before == "3"
    owner.redis.cli("DEL", BASE + "journal")
    assert claim(4, "") == "duplicate" and owner.redis.cli("ZCARD", BASE + "twice") == "1", "of a journal that is gone nothing is noted"


def of_one_delivery_id_the_window_of_the_later_decides(flow):
    """Rows: when it was received, its window, both in ms; who counts: 0 itself, or the row, from 1. And whether it only looks."""
    redis = flow.redis()
    script = "".join(open(os.path.join(LUA, name)).read() for name in ("state.lua", "ids.lua"))

    def ask(row, at, window, looks=False):
        ms = "%012x" % (1700000000000 + at)
        ident = "%s-%s-7000-8000-0100000000%02x" % (ms[:8], ms[8:], row)
        said = redis.cli("EVAL", script, 1, "ids", ident, window, int(looks))
        return said and int(said[-2:], 16) or 0

    def table(*rows):
        redis.cli("DEL", "ids")
        for n, (counts, *row) in enumerate(rows, 1):
            assert ask(n, *row) == counts, (rows, n)
        return int(redis.cli("PTTL", "ids"))

    assert 5000 < table((0, 0, 3000), (1, 2999, 3000), (0, 3000, 3000)) <= 6000, "kept for as long again"
    table((0, 3000, 3000), (1, 1, 3000), (0, 0, 3000))  # in another order
    table((0, 0, 3000), (0, 4000, 3000), (2, 2000, 3000))  # between two: one of them
    table((0, 0, 60000), (0, 2000, 1000), (2, 2500, 1000))  # the later one's window was short
    table((0, 2000, 1000), (0, 0, 60000))  # also when it claims first
    table((0, 2000, 60000), (1, 0, 1000))  # or long
    table((0, 5, 3000), (1, 5, 3000))  # at the same time
    table((0, 0, 0), (0, 0, 3000), (2, 1, 3000))  # without a window nothing is known
    table((0, 0, 3000, True), (0, 1, 3000), (2, 2, 3000, True))  # a look claims nothing
    assert table((0, 0, 3600000)) > 3600000 + 590000
    assert 110000 < table((0, 0, 60000), (1, 9000, 30000)) <= 120000
    for looks in False, True:
        assert 390000 < table((0, 0, 60000), (1, 9000, 200000, looks)) <= 391000, "it has grown"
    table((0, 0, 60000), (1, 30000, 60000), (0, 30500, 1000))  # with those that count alone
    assert [ask(1, 0, 60000), ask(2, 9000, 200000)] == [1, 1], "asked again"
    redis.cli("PERSIST", "ids")
    assert ask(3, 500000, 60000) == 0 and 60000 < int(redis.cli("PTTL", "ids")) <= 120000
    redis.cli("DEL", "ids")
    assert [ask(n, n * 5000, 3000) for n in range(1, 71)] == [0] * 70
    assert [ask(100, n * 5000 - 1, 3000, True) for n in (7, 8, 70)] == [7, 8, 70] and ask(100, 6 * 5000 - 1, 3000, True) == 0, "64 are known"
    assert [ask(n, 0, 3000) for n in (101, 102)] == [0, 101], "this one always"
    later = "ffffffff-ffff-7000-8000-010000000009:" + 20 * "9"
    for foreign in (("LPUSH", "ids", "foreign"), ("SET", "ids", "x" * 60000), ("SET", "ids", later + " x:1 :2 " + later)):
        redis.cli("DEL", "ids")
        redis.cli(*foreign)
        assert [ask(1, 0, 3000), ask(2, 1, 3000)] == [0, 1], "what is not ours counts for nothing"
        assert len(redis.cli("GET", "ids")) == 41


def the_last_of_several_records_of_an_event_counts(flow):
    """Two destinations park it, one of them twice, all with its body: that is there once, and is charged to each once."""
    owner = Owner(flow.redis())
    assert owner.commit(BODY, ("park", 7, "a", 100, "first"), BODY, ("park", 7, "b", 200, "only"), ("park", 7, "a", 300, "second")) == "ok"
    both = {"e": "the head", "b": "the body", "d:a": "second", "d:b": "only"}
    assert owner.event(7) == both and (owner.score("due:a", 7), owner.score("due:b", 7)) == ("300", "200")
    first = owner.figures()
    size = first["b:a"]
    assert size > 285 and first == {"b:a": size, "b:b": size, "bodies": size + 2 * HELD}, first
    again = (BODY, ("park", 7, "b", 400, "third"), ("park", 7, "b", 500, "last"))
    assert owner.commit(*again) == "ok"
    assert owner.event(7) == {**both, "d:b": "last"} and owner.score("due:b", 7) == "500" and owner.figures() == first
    assert owner.commit(BODY, ("park", 7, "c", 1, "x"), before=owner.version - 1) == "ok", "its answer was lost: it is sent again"
    assert owner.commit(("drop", 7, "a"), before=owner.version, token="f" * 16) == "lost" and owner.commit(("drop", 7, "a"), before=owner.version + 3) == "version"
    assert owner.event(7) == {**both, "d:b": "last"} and owner.figures() == first, "nothing of these was done"
    assert owner.commit(("bury", 7, "a", 600, "dead"), ("park", 7, "a", 700, "replayed"), ("bury", 7, "a", 800, "dead again")) == "ok"
    assert owner.event(7)["d:a"] == "dead again" and owner.score("due:a", 7) == "" and owner.score("dead:a", 7) == "800"
    assert owner.figures() == {"x:a": size, "b:b": size, "bodies": size + 2 * HELD}
    assert owner.commit(("drop", 7, "a"), ("drop", 7, "a")) == "ok" and owner.event(7).keys() == {"e", "b", "d:b"}
    assert owner.figures() == {"b:b": size, "bodies": size + HELD}
    assert owner.commit(("drop", 7, "b")) == "ok"
    assert owner.redis.cli("EXISTS", BASE + "event:7") == "0" and owner.figures() == {}


def a_page_of_history_without_bodies_has_the_lines_of_the_heads(flow):
    """Fields and bodies may be large: neither comes, and neither counts, where a page is looked through only."""
    redis = Owner(flow.redis()).redis
    script = "".join(open(os.path.join(LUA, name)).read() for name in ("state.lua", "history.lua"))
    keys = [BASE + kind for kind in ("owner", "journal", "settled", "requests", "lanes", "moved")]
    line = "018bcfe5-6800-7000-8000-0100000000ff %d %s POST /hooks"
    for n, (received, source) in enumerate([(1700, "stripe"), (1800, "github"), (1900, "stripe")], 1):
        redis.cli("XADD", BASE + "journal", "%d-0" % n, "to", "a", "e", line % (received, source) + "\nX-Large: " + "x" * 50000, "b", "y" * 50000)

    def page(most, source="", since=0):
        said = redis.cli("EVAL", script, 6, *keys, TOKEN, 9, 10, 1000000, source, since, "0", most)
        return [words for words in said.split("\n") if words], len(said)
    said, size = page(0)
    assert size < 1000 and all(line % pair in said for pair in ((1700, "stripe"), (1800, "github"), (1900, "stripe")))
    assert said[-3:] == ["50000"] * 3, "how large a body is stays known"
    assert page(100000)[1] > 300000 and 150000 < page(1)[1] < 160000, "too large a body stays behind, its fields do not"
    assert line % (1800, "github") not in page(0, "stripe")[0] and line % (1900, "stripe") in page(0, "stripe")[0]
    assert line % (1700, "stripe") not in page(0, since=1750)[0] and line % (1800, "github") in page(0, since=1750)[0]
