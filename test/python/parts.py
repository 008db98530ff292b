"""Shapes, directives, dependencies, signatures, progress, processes; in an instance of 2."""
import io
import math
import os
import shlex
import signal
import sys
import tempfile
import unittest
import unittest.mock

import flux
from flux import slurm
from flux import subprocess as procs
from flux.dependency import dependency_array_create, parse_dependency
from flux.job.directives import Directive, DirectiveParser
from flux.progress import Bottombar, ProgressBar
from flux.security import SecurityContext
from flux.shape.parser import ShapeSyntaxError, parse_shape


def slot(count, children, label="default"):
    return {"type": "slot", "count": count, "label": label, "with": children}


def thing(kind, count=1, **more):
    return {"type": kind, "count": count, **more}


class Shape(unittest.TestCase):
    # The use cases of RFC 46.
    CASES = {
        "slot=4/node": [slot(4, [thing("node")])],
        "slot=3-30/node": [slot({"min": 3, "max": 30, "operator": "+", "operand": 1},
                                [thing("node")])],
        "slot=4{nodelevel}/node{-x}/socket=2+/core=4+": [slot(4, [thing(
            "node", exclusive=False, **{"with": [thing("socket", {"min": 2}, **{
                "with": [thing("core", {"min": 4})]})]})], "nodelevel")],
        "[cluster/slot=2{ib}/node/[memory=4{unit:GB};ib10g];switch/slot=2{bicore}/node/core=2]": [
            thing("cluster", **{"with": [slot(2, [thing("node", **{"with": [
                thing("memory", 4, unit="GB"), thing("ib10g")]})], "ib")]}),
            thing("switch", **{"with": [slot(2, [thing("node", **{"with": [
                thing("core", 2)]})], "bicore")]})],
        "slot=4,9,16,25/node": [slot("4,9,16,25", [thing("node")])],
        "slot=10/[memory=2+{unit:GB};core]": [slot(10, [thing("memory", {"min": 2}, unit="GB"),
                                                        thing("core")])],
        "slot=2{4GB-node}/node/memory=4+{unit:GB}": [slot(2, [thing("node", **{"with": [
            thing("memory", {"min": 4}, unit="GB")]})], "4GB-node")],
        # Ranges (RFC 45), and values.
        "node=[2-8:2:*]": [thing("node", {"min": 2, "max": 8, "operator": "*", "operand": 2})],
        "core=[4+:2]": [thing("core", {"min": 4, "operator": "+", "operand": 2})],
        'node{x,+a,-b,n:3,s:"a b",l:[1,2],o:{c,d:e}}': [thing(
            "node", exclusive=True, a=True, b=False, n=3, s="a b", l=[1, 2],
            o={"c": True, "d": "e"})],
        ' [ node ; core = 2 ] ': [thing("node"), thing("core", 2)],
        '"odd=type"/core': [thing("odd=type", **{"with": [thing("core")]})],
    }

    def test_cases(self):
        for text, resources in self.CASES.items():
            self.assertEqual(parse_shape(text), resources, text)

    def test_errors(self):
        for text in ("", "node=", "node=0", "slot=2", "slot/", "[node", "node]", "node{x", "node{,}",
                     "node=1--2", "node=5-2", "[slot/core;slot/core]", "node{type:a}", "=3",
                     "node{a:}", "/core", "node/" * 100 + "core", 'node{s:"x}', "node=1+1",
                     "node=[1", "node;core"):
            with self.assertRaises(ShapeSyntaxError, msg=text):
                parse_shape(text)


class Directives(unittest.TestCase):
    def parse(self, text):
        return DirectiveParser(io.StringIO(text))

    def test_words(self):
        found = self.parse("#!/bin/sh\n# a comment\n#flux: -N4 --x='a b' # why\n\n"
                           '#flux: --y="c \\"d" e\\ f\n#\necho\n')
        self.assertEqual([d.args for d in found.directives],
                         [["-N4", "--x=a b"], ['--y=c "d', "e f"]])
        self.assertEqual([d.lineno for d in found.directives], [3, 5])
        self.assertEqual(found.directives[0].action, "SETARGS")
        self.assertEqual(found.args[0], "-N4")
        self.assertTrue(found.script.endswith("echo\n"))

    def test_triple(self):
        found = self.parse('# flux: --conf="""\n# [a]\n#   b = 1\n# """ -n2\nx\n')
        self.assertEqual(found.args, ["--conf=\n[a]\nb = 1\n", "-n2"])
        self.assertEqual(self.parse("# FLUX: '''a\n# b''' ''\n").args, ["a\nb", ""])
        self.assertEqual(self.parse("-- flux: -N1\n-- flux: -n1\n").args, ["-N1", "-n1"])
        self.assertEqual(self.parse("echo flux: x\n").args, [])

    def test_errors(self):
        for text, line in (("#flux: 'a\n", 1), ("#flux: a\ntrue\n#flux: b\n", 3),
                           ("#flux: a\n# flux: b\n", 2), ('#flux: """a\nb\n', 1),
                           ('#flux: """a\n', 1)):
            with self.assertRaisesRegex(ValueError, f"^line {line}: ", msg=text):
                self.parse(text)


    def test_alone(self):
        one = Directive("-N4 --x='a b' # why", 7)
        self.assertEqual((one.args, one.lineno, one.action), (["-N4", "--x=a b"], 7, "SETARGS"))
        parser = self.parse("")
        parser.append("-n1", 3)
        self.assertEqual([(d.args, d.lineno) for d in parser.directives], [(["-n1"], 3)])
        text = "--x=\'\'\'a \"b\'c\'\'\' -n1"
        self.assertEqual(shlex.split(parser.triplequote(text)), ['--x=a "b\'c', "-n1"])
        self.assertEqual((Directive("").action, Directive("# x").lineno), ("NOOP", -1))


class Slurm(unittest.TestCase):
    def test_times(self):
        for text, seconds in (("0:05", 5), ("27:23", 1643), ("1:00:00", 3600), ("42", 42),
                              ("2-03:04:05", 183845), ("UNLIMITED", math.inf)):
            self.assertEqual(slurm.parse_time(text), seconds)
        for bad in ("", "NOT_SET", "INVALID", "1-2:3", "1:2:3:4", "-1", "1:x"):
            with self.assertRaisesRegex(ValueError, "no time of Slurm"):
                slurm.parse_time(bad)

    def test_timeleft(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "squeue")
            with open(path, "w", encoding="ascii") as file:
                file.write('#!/bin/sh\ncase "$*" in\n'
                           '*--jobs=7\\ *) echo 1:30;;\n*--jobs=8\\ *) echo UNLIMITED;;\n'
                           '*--jobs=9\\ *) ;;\n*) echo "Invalid job id" >&2; exit 1;;\nesac\n')
            os.chmod(path, 0o755)
            env = {"PATH": f"{folder}:{os.environ['PATH']}", "SLURM_JOB_ID": "7"}
            with unittest.mock.patch.dict(os.environ, env):
                self.assertEqual(slurm.slurm_timeleft(), 90)
                self.assertEqual(slurm.slurm_timeleft(8), math.inf)
                for jobid, why in ((9, "no job 9"), ("x", "Invalid job id")):
                    with self.assertRaisesRegex(OSError, why):
                        slurm.slurm_timeleft(jobid)
                del os.environ["SLURM_JOB_ID"]
                with self.assertRaisesRegex(OSError, "SLURM_JOB_ID"):
                    slurm.slurm_timeleft()


class Dependencies(unittest.TestCase):
    def test_parse(self):
        self.assertEqual(dependency_array_create(["afterok:f1", "singleton", "string:a?type=in&x=y"]), [
            {"scheme": "afterok", "value": "f1"}, {"scheme": "singleton", "value": ""},
            {"scheme": "string", "value": "a", "type": "in", "x": "y"}])
        for bad in ("", ":x", "a?b", "a:b?=c", "a:b?value=c", "a=b:c"):
            with self.assertRaises(ValueError, msg=bad):
                parse_dependency(bad)


class Security(unittest.TestCase):
    def test_submit(self):
        context = SecurityContext()
        text = flux.job.JobspecV1.from_command(["true"]).dumps()
        signed = context.sign_wrap(text)
        self.assertEqual(context.sign_unwrap(signed), (text.encode(), os.getuid()))
        with flux.Flux() as h:
            jobid = h.rpc("job-ingest.submit",
                          {"J": signed.decode(), "urgency": 16, "flags": 0}).get()["id"]
            self.assertTrue(flux.job.result(h, jobid).success)
            other = context.sign_wrap_as(os.getuid() + 1, text)
            with self.assertRaises(OSError):
                h.rpc("job-ingest.submit", {"J": other.decode(), "urgency": 16, "flags": 0}).get()
        self.assertEqual(context.sign_unwrap(other, flags=1)[1], os.getuid() + 1)

    def test_errors(self):
        context = SecurityContext()
        good = context.sign_wrap("x")
        head, body, _ = good.split(b".")
        for bad in (b"", b"a.b", b"?." + body + b".none", head + b".?.none", head + b"." + body + b".x",
                    b"AAAA." + body + b".none", context.sign_wrap_as(os.getuid() + 1, "x")):
            with self.assertRaises(ValueError, msg=bad):
                context.sign_unwrap(bad)
        with self.assertRaises(ValueError):
            context.sign_wrap("x", mech_type="munge")
        with self.assertRaises(FileNotFoundError):
            SecurityContext("/no/such")


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Progress(unittest.TestCase):
    def test_bar(self):
        bar = ProgressBar(timer=False, total=4, width=32, before="{name} ", file=io.StringIO())
        bar.update(name="x")
        self.assertEqual(bar.text(80), "x [" + 21 * "-" + "]   0.0%")
        bar.update(advance=2)
        self.assertEqual(bar.text(80), "x [" + 10 * "#" + 11 * "-" + "]  50.0%")
        self.assertEqual(len(bar.text(10)), 10)
        with self.assertRaises(ValueError):
            ProgressBar(total=-1)
        self.assertEqual(ProgressBar(total=0, timer=False).update(name=1).text(80)[-6:], "100.0%")

    def test_drawn(self):
        out = Terminal()
        with Bottombar("{n} of \x1b[2J", file=out) as bar:
            bar.update(n=1).redraw()
        bar.update(n=2)
        bar.redraw()
        self.assertIn("\r1 of ?[2J\x1b[K", out.getvalue())
        self.assertNotIn("2 of", out.getvalue())
        self.assertTrue(out.getvalue().endswith("\n"))
        plain = io.StringIO()
        with ProgressBar(file=plain) as bar:
            bar.update(1)
        self.assertEqual(plain.getvalue(), "")


class Processes(unittest.TestCase):
    def setUp(self):
        self.h = flux.Flux()
        self.addCleanup(self.h.close)

    def test_run(self):
        done = procs.run(self.h, ["sh", "-c", "cat; echo $FLUX_URI >&2; exit 3"], nodeid=1,
                         input="hello")
        self.assertEqual((done.stdout, done.returncode), (b"hello", 3))
        self.assertIn(b"local://", done.stderr)
        done = procs.run(self.h, procs.Command(["sh", "-c", "pwd; echo $A"], cwd="/",
                                               env={"A": "b", "PATH": os.environ["PATH"]}))
        self.assertEqual(done.stdout, b"/\nb\n")
        done = procs.run(self.h, ["head", "-c", "200000", "/dev/zero"])
        self.assertEqual(done.stdout, bytes(200000))
        with self.assertRaises(OSError):
            procs.run(self.h, ["/no/such/program"])
        for bad in ("true", []):
            with self.assertRaises(ValueError):
                procs.run(self.h, bad)

    def test_watch(self):
        seen = []

        def output(process, stream, data):
            seen.append((stream, data))
            if data == b"ready\n":
                process.kill(signal.SIGTERM)

        process = procs.rexec(self.h, ["sh", "-c", "echo ready; exec sleep inf"], callback=output)
        process.watch()
        self.h.reactor_run()
        self.assertEqual(process.returncode, -signal.SIGTERM)
        self.assertEqual(sorted(seen), [("stderr", b""), ("stdout", b""), ("stdout", b"ready\n")])
        with self.assertRaises(ValueError):
            procs.rexec(self.h, ["true"]).kill()

    def test_background(self):
        pid = procs.rexec_bg(self.h, ["sleep", "inf"], label="napper", nodeid=1,
                             waitable=True).get_pid()
        listed = procs.list(self.h, nodeid=1).get_processes()
        self.assertIn((pid, 1, "R", "napper", "sleep"), listed)
        self.assertEqual([p.cmd for p in listed if p.pid == pid], ["sleep"])
        waiting = procs.wait(self.h, pid=pid, nodeid=1)
        procs.kill(self.h, label="napper", nodeid=1).get()
        self.assertEqual(waiting.returncode, -signal.SIGTERM)
        with self.assertRaises(OSError):
            procs.wait(self.h, pid=pid, nodeid=1).get_status()
        with self.assertRaises(ValueError):
            procs.kill(self.h)
        with self.assertRaisesRegex(ValueError, "signed"):
            procs.kill(self.h, 9, pid, sign="munge")

    def test_published_order(self):
        rpc = procs.rexec_bg(self.h, ["sleep", "inf"], nodeid=1, waitable=True)
        self.assertEqual(rpc.get_rank(), 1)
        waiting = procs.wait(self.h, rpc.get_pid(), None, "rexec", 1)
        procs.kill(self.h, signal.SIGKILL, rpc.get_pid(), None, "rexec", 1).get()
        self.assertEqual(os.WTERMSIG(waiting.get_status()), signal.SIGKILL)

    def test_command_objects(self):
        made = procs.command_create(["true", "x"], label="a", env={"A": "b"})
        self.assertEqual(made, {"cmdline": ["true", "x"], "cwd": os.getcwd(), "env": {"A": "b"},
                                "opts": {}, "channels": [], "label": "a"})


if __name__ == "__main__":
    sys.exit(unittest.main())
