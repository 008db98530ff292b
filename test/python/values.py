"""Sets, lists of hosts, durations, times, tables: what needs no instance."""
import copy
import datetime
import io
import math
import pickle
import sys
import unittest
from contextlib import redirect_stdout

from flux import hostlist, idset, util
from flux.constants import IDSET_FLAG_BRACKETS, IDSET_FLAG_RANGE
from flux.hostlist import Hostlist
from flux.idset import IDset


class Ids(unittest.TestCase):
    def test_make(self):
        for arg in ("0-3,7", [0, 1, 2, 3, 7], {7, 3, 2, 1, 0}, IDset("0-3,7"), (0, 1, 2, 3, 7)):
            self.assertEqual(str(IDset(arg)), "0-3,7")
        self.assertEqual(list(idset.decode("1-2")), [1, 2])
        self.assertEqual((len(IDset()), str(IDset()), bool(IDset())), (0, "", False))
        for bad in ("x", "1-", "-1", "3-1", "2,1", [-1], [1 << 32]):
            with self.assertRaises(ValueError, msg=str(bad)):
                IDset(bad)
        for bad in (1, [1.5], ["1"], [True], None):
            with self.assertRaises(TypeError, msg=str(bad)):
                IDset(bad)

    def test_write(self):
        ids = IDset("0-3")
        self.assertEqual(ids.encode(flags=0), "0,1,2,3")
        from flux.constants import IDSET_FLAG_BRACKETS, IDSET_FLAG_RANGE
        ids.set_flags(IDSET_FLAG_BRACKETS | IDSET_FLAG_RANGE)
        self.assertEqual((str(ids), f"{ids:>6}"), ("[0-3]", " [0-3]"))
        with self.assertRaises(ValueError):
            ids.set_flags(1 << 20)

    def test_change(self):
        ids = IDset().set(0, 9).clear(3, 5)
        self.assertEqual(str(ids), "0-2,6-9")
        self.assertEqual(str(ids.add("3").subtract([9])), "0-3,6-8")
        ids[4] = 1
        ids[0] = 0
        self.assertTrue(4 in ids and ids[4] and not ids[0] and ids.test(1))
        self.assertEqual((ids.first(), ids.next(4), ids.prev(6), ids.last()), (1, 6, 4, 8))
        copy = ids.copy()
        copy.clear(1)
        self.assertIn(1, ids)
        with self.assertRaises(ValueError):
            ids[1] = 2

    def test_combine(self):
        a, b = IDset("0-5"), IDset("4-8")
        self.assertEqual([str(x) for x in (a + b, a | b, a & b, a - b, a ^ b)],
                         ["0-8", "0-8", "4-5", "0-3", "0-3,6-8"])
        self.assertEqual(str(a.union("7", [9])), "0-5,7,9")
        self.assertEqual(a, IDset("0-5"))
        self.assertNotEqual(a, b)
        self.assertEqual(a.expand(), [0, 1, 2, 3, 4, 5])


class Copies(unittest.TestCase):
    def test_copies_stand_alone(self):
        ways = (copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x)))
        for way in ways:
            ids = IDset("0-5", flags=IDSET_FLAG_RANGE | IDSET_FLAG_BRACKETS)
            other = way(ids)
            self.assertEqual((str(other), other), ("[0-5]", ids))
            ids.set(9)
            self.assertEqual(str(other), "[0-5]")
            hosts = Hostlist("a[0-2],b")
            other = way(hosts)
            self.assertEqual(other.encode(), "a[0-2],b")
            hosts.append("c")
            self.assertEqual(other.encode(), "a[0-2],b")


class Hosts(unittest.TestCase):
    def test_make(self):
        hosts = Hostlist("a[0-2],b")
        self.assertEqual((hosts.count(), list(hosts)), (4, ["a0", "a1", "a2", "b"]))
        self.assertEqual(str(Hostlist(["a0", "a1"])), "a[0-1]")
        self.assertEqual(str(Hostlist(hosts)), "a[0-2],b")
        self.assertEqual(str(hostlist.decode("a0,a1,a1")), "a[0-1,1]")
        self.assertFalse(Hostlist())
        for bad in ("a[0-", "a]"):
            with self.assertRaises(ValueError):
                Hostlist(bad)
        for bad in (1, [1]):
            with self.assertRaises(TypeError):
                Hostlist(bad)

    def test_take(self):
        hosts = Hostlist("a[0-9]")
        self.assertEqual((hosts[0], hosts[-1]), ("a0", "a9"))
        self.assertEqual((str(hosts[2:4]), str(hosts[IDset("0,9")])), ("a[2-3]", "a[0,9]"))
        self.assertEqual((hosts.index("a7"), str(hosts.index("a[1-2]"))), (7, "1-2"))
        self.assertEqual(str(hosts.index("a[9-10]", ignore_nomatch=True)), "9")
        self.assertIn("a5", hosts)
        self.assertNotIn("b", hosts)
        with self.assertRaises(IndexError):
            hosts[10]
        with self.assertRaises(FileNotFoundError):
            hosts.index("b")

    def test_change(self):
        hosts = Hostlist("b,a,a")
        self.assertEqual(hosts.append("c", ["d0", "d1"]), 3)
        self.assertEqual(hosts.delete("a"), 1)
        self.assertEqual(str(hosts.copy().sort()), "a,b,c,d[0-1]")
        self.assertEqual(hosts.append("c"), 1)
        self.assertEqual(str(hosts.uniq()), "a,b,c,d[0-1]")


class Times(unittest.TestCase):
    def test_durations(self):
        for text, secs in (("1", 1), ("1.5h", 5400), ("2m", 120), ("100ms", 0.1), ("1d", 86400),
                           ("inf", math.inf), ("1e2s", 100), (" 5s ", 5)):
            self.assertAlmostEqual(util.parse_fsd(text), secs)
        for bad in ("", "x", "-1", "1x", "1 s x", "nan", None):
            with self.assertRaises(ValueError, msg=bad):
                util.parse_fsd(bad)
        for secs, text in ((0.1389, "0.139s"), (10.49, "10.49s"), (18968, "5.269h"), (0, "0s"),
                           (-1, ""), (90, "1.5m"), (86400 * 2, "2d"), (math.inf, "infinity")):
            self.assertEqual(util.fsd(secs), text)

    def test_datetimes(self):
        now = datetime.datetime(2024, 5, 15, 12, 30)  # a wednesday
        for text, expected in (
            ("now", "2024-05-15 12:30:00"),
            ("+1h", "2024-05-15 13:30:00"),
            ("-1d", "2024-05-14 12:30:00"),
            ("in 10 minutes", "2024-05-15 12:40:00"),
            ("an hour ago", "2024-05-15 11:30:00"),
            ("2024-01-02", "2024-01-02 00:00:00"),
            ("2024-01-02T03:04", "2024-01-02 03:04:00"),
            ("13:00", "2024-05-15 13:00:00"),
            ("9am", "2024-05-16 09:00:00"),
            ("noon", "2024-05-16 12:00:00"),
            ("tomorrow", "2024-05-16 00:00:00"),
            ("yesterday 3pm", "2024-05-14 15:00:00"),
            ("3pm tomorrow", "2024-05-16 15:00:00"),
            ("next friday", "2024-05-17 00:00:00"),
            ("last friday at 10:00", "2024-05-10 10:00:00"),
            ("wednesday", "2024-05-22 00:00:00"),
            ("last wed", "2024-05-08 00:00:00"),
        ):
            self.assertEqual(str(util.parse_datetime(text, now)), expected, text)
        self.assertEqual(util.parse_datetime("@1700000000").timestamp(), 1700000000)
        self.assertEqual(util.parse_datetime("2024-01-01T00:00Z").timestamp(), 1704067200)
        for bad in ("", "someday", "25:00", "2024-02-30", "13pm", "next"):
            with self.assertRaises(ValueError, msg=bad):
                util.parse_datetime(bad, now)


class Row:
    def __init__(self, **kwargs):
        self.__dict__.update(kwargs)


class Tables(unittest.TestCase):
    headings = {"name": "NAME", "n": "N", "t": "T", "x": "X"}

    def table(self, fmt, rows):
        out = io.StringIO()
        with redirect_stdout(out):
            util.OutputFormat(fmt, self.headings).print_items(rows)
        return out.getvalue().splitlines()

    def test_tables(self):
        rows = [Row(name="long-name", n=3, t=90, x=""), Row(name="b", n=10, t=0, x="")]
        self.assertEqual(self.table("{name:<5.5+} {n:>3d} {t!F:>5h}", rows),
                         ["NAME    N     T", "long+   3  1.5m", "b      10     -"])
        self.assertEqual(self.table("?:{x:>4} +:{name:>2} {n}", rows),
                         ["     NAME N", "long-name 3", "        b 10"])
        self.assertEqual(self.table("sort:-n {n:>2} {t!H}", rows),
                         [" N T", "10 0:00:00", " 3 0:01:30"])
        self.assertEqual(self.table("{{{n}}} {t!d:%Y::>6}", rows[:1]), ["{N}      T", "{3}   1970"])
        self.assertEqual(self.table("{n!P:>5}", [Row(n=0.256)]), ["    N", "25.6%"])

    def test_copies(self):
        fmt = util.OutputFormat("{name} {n:>3}", self.headings)
        self.assertEqual(fmt.fields, ["name", "n"])
        self.assertEqual(fmt.copy(except_fields=["name"]).header(), "   N")
        self.assertEqual(fmt.get_format(), "{0.name} {0.n:>3}")
        for bad in ("{", "{y}", "sort:y {n}"):
            with self.assertRaises(ValueError):
                util.OutputFormat(bad, self.headings)
        with self.assertRaises(ValueError):
            util.OutputFormat("{n!x}", self.headings).format(Row(n=1))

    def test_trees(self):
        tree = util.Tree(".", combine_children=True)
        tree.append("a").append("b")
        tree.append("c")
        tree.append("c")
        self.assertEqual(list(tree.lines()), [".", "├── a", "│   └── b", "└── 2*[c]"])
        self.assertEqual(list(tree.lines(level=1, skip_root=True)), ["├── a", "└── 2*[c]"])

    def test_dicts(self):
        d = {}
        util.set_treedict(d, "a.b.c", 1)
        util.set_treedict(d, "a.d", 2)
        self.assertEqual(util.get_treedict(d, "a.b.c"), 1)
        self.assertEqual(util.get_treedict(d, "a.x.y", 7), 7)
        util.del_treedict(d, "a.b.c", remove_empty=True)
        self.assertEqual(d, {"a": {"d": 2}})
        self.assertEqual(util.dict_merge(d, {"a": {"e": 3}, "f": 4}),
                         {"a": {"d": 2, "e": 3}, "f": 4})


if __name__ == "__main__":
    sys.exit(unittest.main())
