"""Resources, queues, constraints, URIs, eventlogs; run in an instance of 2."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import flux
import flux.job
import flux.queue
import flux.resource
import flux.uri
from flux.constraint.parser import ConstraintParser, ConstraintSyntaxError
from flux.eventlog import EventLogFormatter, parse_eventlog
from flux.resource import ResourceSet

R = {
    "version": 1,
    "execution": {
        "R_lite": [
            {"rank": "0-1", "children": {"core": "0-3", "gpu": "0"}},
            {"rank": "2", "children": {"core": "0-7"}},
        ],
        "nodelist": ["a[0-2]"],
        "properties": {"fast": "1-2", "big": "2"},
        "starttime": 1.0,
        "expiration": 2.0,
    },
}


class Sets(unittest.TestCase):
    def test_counts(self):
        rset = ResourceSet(R)
        self.assertEqual((rset.nnodes, rset.ncores, rset.ngpus), (3, 16, 2))
        self.assertEqual((str(rset.ranks), str(rset.nodelist)), ("0-2", "a[0-2]"))
        self.assertEqual(rset.dumps(), "rank[0-1]/core[0-3],gpu0 rank2/core[0-7]")
        self.assertEqual(json.loads(rset.encode()), R)
        self.assertEqual(ResourceSet(rset.encode()), rset)
        self.assertEqual((rset.properties, rset.count("node")), ("big,fast", 3))
        self.assertEqual(rset.host_ranks("a[2,0]"), [2, 0])
        with self.assertRaises(ValueError):
            rset.host_ranks("b")

    def test_what_is_none(self):
        short = json.loads(json.dumps(R))
        short["execution"]["nodelist"] = ["a"]
        for bad in ("{", "[]", {}, {"version": 2, "execution": {}}, short):
            with self.assertRaises(ValueError):
                ResourceSet(bad)
        with self.assertRaises(TypeError):
            ResourceSet(7)
        self.assertFalse(ResourceSet())

    def test_combine(self):
        rset = ResourceSet(R)
        part = rset.copy_ranks("1-2")
        self.assertEqual((rset - part).dumps(), "rank0/core[0-3],gpu0")
        self.assertEqual((rset & part).ncores, 12)
        self.assertEqual((rset - part) | part, rset)
        few = ResourceSet({"version": 1, "execution": {"R_lite": [
            {"rank": "0", "children": {"core": "0-1"}}], "nodelist": ["a0"]}})
        self.assertEqual((rset - few).copy_ranks("0").dumps(), "rank0/core[2-3],gpu0")
        self.assertEqual((rset - few).append(few), rset)
        self.assertEqual(rset.copy().remove_ranks("0-1").nnodes, 1)
        self.assertEqual(rset.nnodes, 3)

    def test_constraints(self):
        rset = ResourceSet(R)
        for constraint, ranks in (
            ({"properties": ["fast"]}, "1-2"),
            ({"properties": ["fast", "^big"]}, "1"),
            ({"hostlist": ["a[0,2]"]}, "0,2"),
            ({"ranks": ["0"]}, "0"),
            ({"not": [{"ranks": ["0"]}]}, "1-2"),
            ({"or": [{"ranks": ["0"]}, {"properties": ["big"]}]}, "0,2"),
            ('{"and": [{"ranks": ["0-1"]}, {"properties": ["fast"]}]}', "1"),
            ({}, "0-2"),
        ):
            self.assertEqual(str(rset.copy_constraint(constraint).ranks), ranks)
        for bad in ({"x": []}, {"ranks": "0"}, {"ranks": ["0"], "x": []}, []):
            with self.assertRaises(ValueError):
                rset.copy_constraint(bad)
        rset.set_property("new", "0")
        self.assertEqual(str(rset.copy_constraint({"properties": ["new"]}).ranks), "0")
        with self.assertRaises(ValueError):
            rset.set_property("new", "9")


class Constraints(unittest.TestCase):
    def test_queries(self):
        parser = ConstraintParser({None: "properties", "host": "hostlist"},
                                  split_values={"x": ","}, combined_terms=["hostlist"])
        for query, expected in (
            ("a", {"properties": ["a"]}),
            ("a b", {"and": [{"properties": ["a"]}, {"properties": ["b"]}]}),
            ("a and b", {"and": [{"properties": ["a"]}, {"properties": ["b"]}]}),
            ("a|b&c", {"or": [{"properties": ["a"]},
                              {"and": [{"properties": ["b"]}, {"properties": ["c"]}]}]}),
            ("(a or b) c", {"and": [{"or": [{"properties": ["a"]}, {"properties": ["b"]}]},
                                    {"properties": ["c"]}]}),
            ("not a", {"not": [{"properties": ["a"]}]}),
            ("-a", {"not": [{"properties": ["a"]}]}),
            ("host:n[0-1] or host:m", {"hostlist": ["n[0-1]", "m"]}),
            ("x:1,2", {"x": ["1", "2"]}),
            ("y:'a b'", {"y": ["a b"]}),
            ("'p q'", {"properties": ["p q"]}),
        ):
            self.assertEqual(parser.parse(query), expected, query)
        for bad in ("", "(a", "a)", "a or", "and a", "x:", "'a", "not"):
            with self.assertRaises(ConstraintSyntaxError, msg=bad):
                parser.parse(bad)
        with self.assertRaises(ConstraintSyntaxError):
            ConstraintParser().parse("a")
        self.assertEqual(ConstraintParser(default_op="p").parse("a"), {"p": ["a"]})


class Eventlogs(unittest.TestCase):
    def test_formats(self):
        log = ('{"timestamp":1.5,"name":"a","context":{"x":1}}\n'
               '{"timestamp":2.0,"name":"b"}\n')
        events = parse_eventlog(log)
        self.assertEqual(list(EventLogFormatter().format_all(events)),
                         ["1.500000 a x=1", "2.000000 b"])
        self.assertEqual(list(EventLogFormatter(timestamp_format="offset").format_all(events)),
                         ["0.000000 a x=1", "0.500000 b"])
        human = list(EventLogFormatter(timestamp_format="human").format_all(events))
        self.assertRegex(human[0], r"^\[\w{3}\d\d \d\d:\d\d\] a x=1$")
        self.assertEqual(human[1], "[  +0.500000] b")
        self.assertEqual(json.loads(EventLogFormatter("json").format(events[0])), events[0])
        self.assertIn("\033[", EventLogFormatter(color=True).format(events[0]))
        with self.assertRaisesRegex(ValueError, "line 2"):
            parse_eventlog(log.replace('"name":"b"', '"nome":"b"'))
        for bad in (("x", "raw"), ("text", "x")):
            with self.assertRaises(ValueError):
                EventLogFormatter(*bad)


class WithHandle(unittest.TestCase):
    def setUp(self):
        self.h = flux.Flux()

    def tearDown(self):
        self.h.close()


class Instance(WithHandle):
    def test_resource_list(self):
        spec = flux.job.JobspecV1.from_command(["sleep", "inf"])
        jobid = flux.job.submit(self.h, spec)
        flux.job.event_wait(self.h, jobid, "start")
        resources = flux.resource.resource_list(self.h).get()
        self.assertEqual(resources.all.nnodes, 2)
        self.assertEqual(resources.allocated.ncores, 1)
        self.assertEqual(resources.free.ncores, resources.all.ncores - 1)
        self.assertEqual((resources.down.nnodes, resources["up"].state), (0, "up"))
        self.assertEqual(resources.copy_constraint({"ranks": ["1"]}).all.nnodes, 1)
        flux.job.cancel(self.h, jobid)
        flux.job.event_wait(self.h, jobid, "clean", raiseJobException=False)

    def test_resource_status(self):
        subprocess.run(["flux", "resource", "drain", "1", "bad luck"], check=True)
        status = flux.resource.resource_status(self.h).get()
        self.assertEqual((str(status.drained), str(status.draining)), ("1", ""))
        self.assertEqual((str(status.online), str(status.avail)), ("0-1", "0"))
        self.assertEqual(status.get_drain_info(1).reason, "bad luck")
        self.assertIsNone(status.get_drain_info(0))
        self.assertEqual(len(status.hosts(status.drained)), 1)
        self.assertEqual(flux.resource.resource_list(self.h).get().down.nnodes, 1)
        subprocess.run(["flux", "resource", "undrain", "1"], check=True)

    def test_queues(self):
        only, = flux.queue.QueueList(self.h)
        self.assertEqual((only.name, only.enabled, only.started), ("", True, True))
        self.assertEqual(only.resources.all.nnodes, 2)
        with self.assertRaises(ValueError):
            flux.queue.QueueList(self.h, ["nosuch"])
        config = {"queues": {"q": {"policy": {"limits": {"duration": "1h"}}}, "r": {}},
                  "policy": {"limits": {"duration": "2h", "job-size": {"max": {"nnodes": 1}}}}}
        subprocess.run(["flux", "config", "load"], input=json.dumps(config).encode(), check=True)
        try:
            queues = flux.queue.QueueList(self.h)
            self.assertEqual(sorted(q.name for q in queues), ["q", "r"])
            self.assertEqual((queues.q.limits.timelimit, queues.r.limits.timelimit),
                             (3600, 7200))
            self.assertEqual(queues.q.limits.max.nnodes, 1)
            with self.assertRaises(AttributeError):
                queues.nosuch
        finally:
            subprocess.run(["flux", "config", "load"], input=b"{}", check=True)


class Uris(WithHandle):
    def test_forms(self):
        uri = flux.uri.JobURI("ssh://host/tmp/x?y=1")
        with mock.patch.object(flux.uri.JobURI, "force_local", False):
            self.assertEqual((uri.local, uri.remote), ("local:///tmp/x", str(uri)))
            self.assertEqual(uri.query_dict, {"y": ["1"]})
            local = flux.uri.JobURI("local:///tmp/x", remote_hostname="h")
            self.assertEqual((local.local, local.remote), (str(local), "ssh://h/tmp/x"))
        for bad in ("/tmp/x", ""):
            with self.assertRaises(ValueError):
                flux.uri.JobURI(bad)
        with self.assertRaises(ValueError):
            flux.uri.JobURI("http://x").local

    def test_resolve(self):
        spec = flux.job.JobspecV1.from_nest_command(["sleep", "inf"])
        jobid = flux.job.submit(self.h, spec)
        resolver = flux.uri.FluxURIResolver()
        uri = resolver.resolve(f"{jobid}?wait")
        with flux.Flux(uri.local) as child:
            self.assertEqual(child.attr_get("instance-level"), "1")
        self.assertEqual(resolver.resolve(f"jobid:{jobid}?local").scheme, "local")
        self.assertEqual(resolver.resolve(f"{uri}?local").scheme, "local")
        info = flux.job.job_list_id(self.h, jobid).get_jobinfo()
        self.assertEqual(info.uri.local, uri.local)
        self.assertTrue(info.instance.initialized)
        self.assertEqual(info.instance.resources.all.ncores, 1)
        self.assertEqual(info.instance.utilization, 0.0)
        flux.job.cancel(self.h, jobid)
        self.assertIn("pid", resolver.plugins())
        with self.assertRaises(ValueError):
            resolver.resolve("ƒ12345")

    def test_plugins(self):
        with tempfile.TemporaryDirectory() as path:
            with open(os.path.join(path, "mine.py"), "w", encoding="utf-8") as file:
                file.write(
                    "from flux.uri import URIResolverPlugin, JobURI\n"
                    "class URIResolver(URIResolverPlugin):\n"
                    "    def describe(self): return 'mine'\n"
                    "    def resolve(self, uri):\n"
                    "        if uri.path == 'no': raise ValueError('not there')\n"
                    "        return JobURI('ssh://h/' + uri.path)\n")
            resolver = flux.uri.FluxURIResolver(pluginpath=[path])
            self.assertEqual(resolver.plugins()["mine"], "mine")
            self.assertEqual(resolver.resolve("mine:x").remote, "ssh://h/x")
            self.assertEqual(str(resolver.resolve("mine:x?local")), "local:///x")
            with self.assertRaisesRegex(ValueError, "not there"):
                resolver.resolve("mine:no")
        with self.assertRaises((NotImplementedError, ValueError)):
            flux.uri.FluxURIResolver().resolve("nosuch:x")


if __name__ == "__main__":
    sys.exit(unittest.main())
