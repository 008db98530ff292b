"""Broker modules in Python; run in an instance."""
import os
import subprocess
import sys
import syslog
import tempfile
import unittest

import flux
from flux.brokermod import BrokerLogger, BrokerModule, module_name

COUNTER = """
import errno
from flux.brokermod import BrokerModule, event_handler, request_handler

class Counter(BrokerModule):
    count = 0

    def __init__(self, h, *args):
        super().__init__(h, *args)
        if "--bad" in args:
            raise OSError(errno.ENOSPC, "no room")
        self.log.level = "info"
        self.log.debug("not to be seen")
        self.log.info(f"{self.name} starts")

    @request_handler("next")
    def next(self, msg):
        self.count += 1
        self.handle.respond(msg, {"count": self.count, "args": self.args})

    @request_handler("fail")
    def fail(self, msg):
        raise OSError(errno.ENOENT, "nothing there")

    @request_handler("zero")
    def zero(self, msg):
        return 1 / 0

    @request_handler("hello.stop", prefix=False)
    def hello(self, msg):
        self.stop()

    @event_handler("poke")
    def poke(self, msg):
        self.count += msg.payload["n"]

    @event_handler("panic")
    def panic(self, msg):
        self.stop_error()
"""

MAIN = """
def mod_main(h, *args):
    def callback(h, watcher, msg, _args):
        h.respond(msg, {"rank": h.rpc("broker.ping", {"x": 1}).get()["x"], "args": args})
    w = h.msg_watcher_create(callback, 1, "mine.*").start()
    h.reactor_run()
    w.destroy()
"""


def run(*args, **kwargs):
    return subprocess.run(["flux", "module", *args], capture_output=True, text=True,
                          check=False, **kwargs)


class Modules(unittest.TestCase):
    def setUp(self):
        self.h = flux.Flux()
        self.dir = tempfile.TemporaryDirectory()
        self.write("counter", COUNTER)

    def tearDown(self):
        self.dir.cleanup()
        self.h.close()

    def write(self, name, text):
        path = os.path.join(self.dir.name, name + ".py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def load(self, *args):
        done = run("load", *args, cwd=self.dir.name)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def remove(self, name):
        self.assertEqual(run("remove", name).returncode, 0)

    def loaded(self):
        return {mod["name"] for mod in self.h.rpc("module.list").get()["mods"]}

    def test_class(self):
        self.load("counter.py", "a", "--b=c")
        self.addCleanup(run, "remove", "-f", "counter")
        answer = self.h.rpc("counter.next").get()
        self.assertEqual(answer, {"count": 1, "args": ["a", "--b=c"]})
        self.h.event_send("counter.poke", {"n": 100})
        self.assertEqual(self.h.rpc("counter.next").get()["count"], 102)
        self.assertEqual(self.h.rpc("counter.ping", {"x": 1}).get()["x"], 1)
        with self.assertRaisesRegex(FileNotFoundError, "nothing there"):
            self.h.rpc("counter.fail").get()
        with self.assertRaisesRegex(OSError, "division by zero"):
            self.h.rpc("counter.zero").get()
        self.assertEqual(self.h.rpc("counter.next").get()["count"], 103)
        log = subprocess.run(["flux", "dmesg"], capture_output=True, text=True, check=True)
        self.assertIn("counter starts", log.stdout)
        self.assertIn("return 1 / 0", log.stdout)
        self.assertNotIn("not to be seen", log.stdout)
        self.remove("counter")
        with self.assertRaises(OSError):
            self.h.rpc("counter.next").get()

    def test_by_its_file(self):
        path = os.path.join(self.dir.name, "file.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write("from flux.brokermod import BrokerModule\n\n\n"
                       "class File(BrokerModule):\n    pass\n")
        for name in ("file", "file.py", path):
            subprocess.run(["flux", "module", "load", path], check=True)
            subprocess.run(["flux", "module", "reload", path], check=True)
            subprocess.run(["flux", "module", "remove", name], check=True)

    def test_many(self):
        for i in range(4):
            self.load("--name", f"many{i}", "./counter.py", str(i))
        rpcs = [self.h.rpc(f"many{i % 4}.next") for i in range(400)]
        self.assertEqual({tuple(rpc.get()["args"]) for rpc in rpcs},
                         {("0",), ("1",), ("2",), ("3",)})
        done = run("reload", "--name=many0", "./counter.py", cwd=self.dir.name)
        self.assertEqual(done.stderr, "")
        self.assertEqual(self.h.rpc("many0.next").get()["count"], 1)
        for i in range(4):
            self.remove(f"many{i}")

    def test_mod_main(self):
        self.write("mine", MAIN)
        self.load("mine.py", "x")
        self.assertEqual(self.h.rpc("mine.any").get(), {"rank": 1, "args": ["x"]})
        self.assertEqual(run("reload", f"{self.dir.name}/mine.py").stderr, "")
        self.assertEqual(self.h.rpc("mine.any").get(), {"rank": 1, "args": []})
        self.remove("mine")

    def test_failures(self):
        for text, why in (
            ("class X(", "was never closed|SyntaxError"),
            ("x = 1", "needs a function mod_main"),
            ("import no_such_thing", "no_such_thing"),
            (COUNTER + "class Two(BrokerModule): pass\n", "it has 2"),
        ):
            path = self.write("bad", text)
            done = run("load", path)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, why)
            self.assertEqual(len(done.stderr.splitlines()), 1)
        done = run("load", "./counter.py", "--bad", cwd=self.dir.name)
        self.assertRegex(done.stderr, "no room")
        done = run("load", "/no/such.py")
        self.assertRegex(done.stderr, "such.py: No such file")
        self.assertFalse({"bad", "counter", "such"} & self.loaded())

    def test_ends(self):
        self.load("counter.py")
        self.h.event_send("counter.panic", {})
        # What is sent to a module that is gone has an answer, too.
        with self.assertRaises(OSError):
            while True:
                self.h.rpc("counter.next").get()
        self.assertEqual(self.h.rpc("broker.ping", {"x": 1}).get()["x"], 1)


class Logger(unittest.TestCase):
    def test_levels(self):
        lines = []

        class Fake:
            def log(self, level, text):
                lines.append((level, text))

        log = BrokerLogger(Fake())
        self.assertEqual(log.level_name, "debug")
        log.level = "warning"
        for name in ("debug", "info", "notice", "warning", "error", "critical", "alert", "emerg"):
            getattr(log, name)(name)
        self.assertEqual([text for _, text in lines],
                         ["warning", "error", "critical", "alert", "emerg"])
        log.level = syslog.LOG_ERR
        self.assertEqual(log.level_name, "err")
        for bad in ("loud", 99):
            with self.assertRaises(ValueError):
                log.level = bad

    def test_not_a_module(self):
        with flux.Flux() as h:
            with self.assertRaises(ValueError):
                module_name(h)
            with self.assertRaises(ValueError):
                BrokerModule(h)


if __name__ == "__main__":
    sys.exit(unittest.main())
