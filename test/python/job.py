"""Jobs: specify, submit, wait, watch, list, cancel; run in an instance."""
import errno
import io
import json
import os
import pickle
import signal
import sys
import tempfile
import unittest
from contextlib import redirect_stdout
from datetime import timedelta

import flux
import flux.constants
import flux.job
from flux.job import JobID, JobInfoFormat, JobList, Jobspec, JobspecV1


class Ids(unittest.TestCase):
    def test_every_encoding_comes_back(self):
        number = 6731191091817518
        for name in "dec hex kvs dothex words f58 f58plain emoji".split():
            jobid = JobID(number)
            text = getattr(jobid, name)
            self.assertEqual(JobID(text), number, text)
            self.assertEqual(jobid.encode(name), text)
        self.assertEqual(JobID("0x10").orig, "0x10")
        self.assertEqual(f"{JobID(10)} {JobID(10):d} {JobID(10):>5}", "ƒB 10    ƒB")

    def test_what_is_none(self):
        for bad in ("", "ƒ0", "hello", "-1", "99999999999999999999", -1, 1 << 64, "a\0b"):
            with self.assertRaises(ValueError, msg=bad):
                JobID(bad)
        for bad in ("nosuch", "\0"):
            with self.assertRaises(ValueError):
                JobID(1).encode(bad)

    def test_copies(self):
        self.assertEqual(pickle.loads(pickle.dumps(JobID(77))), 77)


class Specs(unittest.TestCase):
    def spec(self, **kwargs):
        return JobspecV1.from_command(["true"], **kwargs)

    def test_resources(self):
        for kwargs, counts in (
            ({}, {"slot": 1, "core": 1}),
            ({"num_tasks": 4, "cores_per_task": 2}, {"slot": 4, "core": 8}),
            ({"num_tasks": 2, "gpus_per_task": 1}, {"slot": 2, "core": 2, "gpu": 2}),
            ({"num_tasks": 4, "num_nodes": 2}, {"node": 2, "slot": 4, "core": 4}),
            ({"num_tasks": 3, "num_nodes": 2}, {"node": 2, "slot": 4, "core": 4}),
        ):
            self.assertEqual(self.spec(**kwargs).resource_counts(), counts)
        uneven = self.spec(num_tasks=3, num_nodes=2)
        self.assertEqual(uneven.tasks[0]["count"], {"total": 3})
        whole = self.spec(num_nodes=1, exclusive=True)
        self.assertTrue(whole.resources[0]["exclusive"])

    def test_refusals(self):
        for kwargs, exc in (
            ({"num_tasks": 0}, ValueError),
            ({"num_tasks": "1"}, TypeError),
            ({"cores_per_task": -1}, ValueError),
            ({"num_nodes": 2}, ValueError),
            ({"exclusive": True}, ValueError),
            ({"duration": -1}, ValueError),
            ({"duration": "soon"}, ValueError),
            ({"duration": []}, TypeError),
            ({"nosuch": 1}, TypeError),
            ({"cwd": 1}, TypeError),
        ):
            with self.assertRaises(exc, msg=str(kwargs)):
                self.spec(**kwargs)
        for bad in ("true", 7, [1]):
            with self.assertRaises(TypeError):
                JobspecV1.from_command(bad)
        with self.assertRaises(ValueError):
            JobspecV1.from_command([])
        with self.assertRaises(ValueError):
            JobspecV1(self.spec().resources, self.spec().tasks, version=2)

    def test_attributes(self):
        spec = self.spec()
        for given, seconds in ((5, 5), ("2m", 120), (timedelta(hours=1), 3600), (1.5, 1.5)):
            spec.duration = given
            self.assertEqual(spec.duration, seconds)
        spec.queue, spec.cwd, spec.environment = "q", "/tmp", {"A": "b"}
        spec.stdout, spec.stderr, spec.stdin = "o.{{id}}", "e", "i"
        self.assertEqual((spec.queue, spec.cwd, spec.environment), ("q", "/tmp", {"A": "b"}))
        self.assertEqual((spec.output, spec.error, spec.input), ("o.{{id}}", "e", "i"))
        spec.label_io = spec.unbuffered = True
        self.assertTrue(spec.label_io and spec.unbuffered)
        spec.setattr("attributes.user.note", 1)
        spec.setattr("system.dependencies", [])
        spec.setattr("begin-time", 7)
        spec.setattr_shell_option("verbose", 2)
        self.assertEqual(spec.attributes["user"], {"note": 1})
        self.assertEqual(spec.getattr("system.begin-time"), 7)
        self.assertEqual(spec.getattr("attributes.system.shell.options.verbose"), 2)
        for bad in ("system.nosuch", "user.note.below"):
            with self.assertRaises(KeyError):
                spec.getattr(bad)
        with self.assertRaises(TypeError):
            spec.environment = "A=b"

    def test_per_resource(self):
        spec = JobspecV1.per_resource(
            ["true"], nnodes=2, per_resource_type="node", per_resource_count=3)
        option = spec.getattr("system.shell.options.per-resource")
        self.assertEqual(option, {"type": "node", "count": 3})
        self.assertTrue(spec.resources[0]["exclusive"])
        spec = JobspecV1.per_resource(["true"], ncores=6, nnodes=2)
        self.assertEqual(spec.resource_counts(), {"node": 2, "slot": 2, "core": 6})
        for bad in ({}, {"ncores": 5, "nnodes": 2}, {"ncores": 1, "gpus_per_node": 1}):
            with self.assertRaises(ValueError):
                JobspecV1.per_resource(["true"], **bad)

    def test_files(self):
        spec = self.spec()
        spec.add_file("a", "text\n")
        spec.add_file("b", {"x": 1})
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"\xff\0")
            file.flush()
            os.chmod(file.name, 0o640)
            spec.add_file("c", file.name)
        files = spec.getattr("files")
        self.assertEqual(files["a"], {"mode": 0o100600, "data": "text\n", "encoding": "utf-8"})
        self.assertEqual(files["b"], {"mode": 0o100600, "data": {"x": 1}})
        self.assertEqual(files["c"], {"mode": 0o100640, "data": "/wA=", "encoding": "base64"})
        for bad in ("", "/etc/x", "../x"):
            with self.assertRaises(ValueError):
                spec.add_file(bad, "x\n")
        with self.assertRaises(FileNotFoundError):
            spec.add_file("d", "/no/such/file")

    def test_text(self):
        spec = self.spec()
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(spec.dumps())
            file.flush()
            self.assertEqual(Jobspec.from_yaml_file(file.name), spec)
        self.assertEqual(JobspecV1.from_yaml_stream(io.StringIO(str(spec))), spec)
        for bad in ("[]", "{}", '{"resources":[],"tasks":[],"version":1,"x":1}'):
            with self.assertRaises((TypeError, ValueError)):
                Jobspec.from_yaml_stream(bad)

    def test_validate(self):
        good = self.spec().dumps()
        self.assertEqual(flux.job.validate_jobspec(good), (True, None))
        ok, why = flux.job.validate_jobspec(good, 2)
        self.assertFalse(ok)
        self.assertIn("version", why)
        bad = json.loads(good)
        bad["resources"][0]["count"] = -1
        self.assertFalse(flux.job.validate_jobspec(json.dumps(bad))[0])
        self.assertFalse(flux.job.validate_jobspec("{")[0])


class AsCommands(unittest.TestCase):
    def test_submit(self):
        spec = JobspecV1.from_submit(["true", "-x"], ntasks=2, cores_per_task=2, time_limit="5m",
                                     env={"A": "b"}, setattr=["user.x=1", "y=2"], label_io=True, output="x",
                                     queue=None, exclusive=False)
        self.assertEqual(spec.tasks[0]["command"], ["true", "-x"])
        self.assertEqual(spec.resource_counts(), {"slot": 2, "core": 4})
        self.assertEqual((spec.duration, spec.environment["A"], spec.label_io), (300, "b", True))
        self.assertEqual((spec.getattr("user.x"), spec.getattr("y")), (1, 2))
        spec = JobspecV1.from_submit(["true"], time_limit=timedelta(hours=1))
        self.assertEqual(spec.duration, 3600)
        for bad in ({"nosuch": 1}, {"ntasks": 0}, {"time_limit": "soon"}):
            with self.assertRaises(ValueError, msg=str(bad)):
                JobspecV1.from_submit(["true"], **bad)

    def test_alloc_and_batch(self):
        spec = JobspecV1.from_alloc(nslots=2)
        self.assertEqual(spec.tasks[0]["command"], ["flux", "broker"])
        script = "#!/bin/sh\n#flux: -n3\ntrue\n"
        spec = JobspecV1.from_batch(script, job_name="mine")
        self.assertEqual((spec.resource_counts()["slot"], spec.getattr("job.name")), (3, "mine"))
        with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
            file.write(script)
            file.flush()
            spec = JobspecV1.from_batch(file.name, ["a", "b"])
            self.assertEqual(spec.tasks[0]["command"][-2:], ["a", "b"])
        for bad in ("/no/such", "echo"):
            with self.assertRaises(ValueError):
                JobspecV1.from_batch(bad)


class WithHandle(unittest.TestCase):
    def setUp(self):
        self.h = flux.Flux()

    def tearDown(self):
        self.h.close()

    def submit(self, *command, **kwargs):
        options = {k: kwargs.pop(k) for k in ("waitable", "urgency") if k in kwargs}
        return flux.job.submit(self.h, JobspecV1.from_command(command, **kwargs), **options)


class Run(WithHandle):
    def test_from_yaml_runs(self):
        spec = Jobspec.from_yaml_stream(
            "version: 1\nresources: [{type: slot, count: 1, label: t, with: "
            "[{type: core, count: 1}]}]\n"
            "tasks: [{command: [\"true\"], slot: t, count: {per_slot: 1}}]\n"
            "attributes: {system: {duration: 0}}\n")
        jobid = flux.job.submit(self.h, spec)
        self.assertEqual(flux.job.result(self.h, jobid).result, "COMPLETED")

    def test_results(self):
        info = flux.job.result(self.h, self.submit("sh", "-c", "exit 3"))
        self.assertEqual((info.result, info.returncode, info.success), ("FAILED", 3, False))
        self.assertLessEqual(info.t_run, info.t_cleanup)
        self.assertLess(info.t_cleanup, info.t_inactive)
        self.assertEqual(info.inactive_reason, "Exit 3")
        self.assertGreater(info.runtime, 0)
        info = flux.job.result(self.h, self.submit("sh", "-c", "kill -9 $$"))
        self.assertEqual((info.status_abbrev, info.returncode), ("F", 137))
        info = flux.job.result(self.h, self.submit("/no/such"))
        self.assertEqual((info.result, info.returncode), ("FAILED", 127))

    def test_environment_and_output(self):
        with tempfile.TemporaryDirectory() as path:
            jobid = self.submit("sh", "-c", "echo $X $PWD", environment={"X": "ƒ"}, cwd=path,
                                output="out.{{id}}")
            flux.job.result(self.h, jobid)
            with open(f"{path}/out.{jobid.f58}", encoding="utf-8") as file:
                self.assertEqual(file.read(), f"ƒ {path}\n")

    def test_wait(self):
        good = self.submit("true", waitable=True)
        bad = self.submit("false", waitable=True)
        found = {}
        for _ in range(2):
            jobid, success, errstr = flux.job.wait(self.h)
            found[jobid] = (success, bool(errstr))
        self.assertEqual(found, {good: (True, False), bad: (False, True)})
        with self.assertRaises(OSError) as caught:
            flux.job.wait(self.h)
        self.assertEqual(caught.exception.errno, errno.ECHILD)
        jobid = self.submit("true", waitable=True)
        future = flux.job.wait_async(self.h, jobid).wait_for(30)
        self.assertEqual(future.get_status(), (jobid, True, ""))

    def test_async(self):
        results = []

        def submitted(future, handle):
            jobid = flux.job.submit_get_id(future)
            self.assertEqual(future.get_id(), jobid)
            flux.job.result_async(handle, jobid).then(
                lambda fut: results.append(fut.get_info().result))

        spec = JobspecV1.from_command(["true"])
        for _ in range(5):
            flux.job.submit_async(self.h, spec).then(submitted, self.h)
        self.assertEqual(self.h.reactor_run(), 0)
        self.assertEqual(results, ["COMPLETED"] * 5)

    def test_a_result_that_nobody_waits_for_any_more(self):
        jobid = self.submit("sleep", "inf")
        future = flux.job.result_async(self.h, jobid)
        future.then(lambda fut: self.fail("it has been dropped"))
        self.h.reactor_run(flags=flux.constants.FLUX_REACTOR_NOWAIT)
        self.h._waiting.clear()
        del future
        flux.job.cancel(self.h, jobid)
        done = flux.job.event_watch_async(self.h, jobid)
        names = []

        def event(fut):
            found = fut.get_event()
            if found is not None:
                names.append(found.name)

        done.then(event)
        self.h.reactor_run()
        self.assertEqual(names[-1], "clean")

    def test_refused(self):
        with self.assertRaisesRegex(OSError, "version: is missing"):
            flux.job.submit(self.h, "{}")
        with self.assertRaises(TypeError):
            flux.job.submit(self.h, 7)
        with self.assertRaises(TypeError):
            flux.job.submit_get_id(7)

    def test_cancel_and_kill(self):
        jobid = self.submit("sleep", "inf")
        flux.job.event_wait(self.h, jobid, "start")
        flux.job.event_wait(self.h, jobid, "shell.start", eventlog="exec")
        flux.job.kill(self.h, jobid, signal.SIGUSR1)
        info = flux.job.result(self.h, jobid)
        self.assertEqual(info.returncode, 128 + signal.SIGUSR1)
        jobid = self.submit("sleep", "inf")
        flux.job.cancel(self.h, jobid, "enough")
        info = flux.job.result(self.h, jobid)
        self.assertEqual((info.result, info.exception.note), ("CANCELED", "enough"))
        self.assertEqual(info.inactive_reason, "Canceled: enough")
        with self.assertRaises(OSError):
            flux.job.kill_async(self.h, jobid).get()
        for call in (flux.job.cancel, flux.job.kill, flux.job.result):
            with self.assertRaises(FileNotFoundError):
                call(self.h, 12345)

    def test_urgency(self):
        jobid = self.submit("true", urgency=0)
        self.assertEqual(flux.job.event_wait(self.h, jobid, "priority").context, {"priority": 0})
        flux.job.set_urgency(self.h, jobid, 20)
        flux.job.event_wait(self.h, jobid, "clean")
        with self.assertRaises(OSError):
            flux.job.set_urgency(self.h, jobid, 20)

    def test_timeleft(self):
        with self.assertRaisesRegex(OSError, "not in a job"):
            flux.job.timeleft()
        code = "import flux.job; print(flux.job.timeleft())"
        for duration, least, most in ((0, float("inf"), float("inf")), (100, 1, 100)):
            jobid = self.submit(sys.executable, "-c", code, duration=duration)
            left = float(flux.job.job_output(self.h, jobid).stdout)
            self.assertTrue(least <= left <= most, left)

    def test_nested(self):
        spec = JobspecV1.from_batch_command(
            "#!/bin/sh\nflux getattr instance-level; flux config get a.b; echo $1\n", "nest",
            args=["x"], num_slots=1, conf={"a": {"b": 7}})
        with tempfile.TemporaryDirectory() as path:
            spec.cwd = path
            jobid = flux.job.submit(self.h, spec)
            self.assertEqual(flux.job.result(self.h, jobid).returncode, 0)
            with open(f"{path}/flux-{jobid.f58}.out", encoding="utf-8") as file:
                self.assertEqual(file.read().split(), ["1", "7", "x"])
        spec = JobspecV1.from_nest_command(["true"], broker_opts=["-Sx=y"])
        self.assertEqual(spec.tasks[0]["command"], ["flux", "broker", "-Sx=y", "true"])
        with self.assertRaises(ValueError):
            JobspecV1.from_batch_command("echo", "no-script")


class Events(WithHandle):
    def test_watch(self):
        jobid = self.submit("true")
        names = [event.name for event in flux.job.event_watch(self.h, jobid)]
        self.assertEqual((names[0], names[-1]), ("submit", "clean"))
        event = next(flux.job.event_watch(self.h, jobid))
        self.assertEqual(event.context["urgency"], 16)
        self.assertIn("urgency=16", event.context_string)
        self.assertIn(": submit {", str(event))
        with self.assertRaises(FileNotFoundError):
            next(flux.job.event_watch(self.h, 12345))

    def test_wait(self):
        jobid = self.submit("true")
        self.assertEqual(flux.job.event_wait(self.h, jobid, "alloc").name, "alloc")
        with self.assertRaises(OSError) as caught:
            flux.job.event_wait(self.h, jobid, "nosuch")
        self.assertEqual(caught.exception.errno, errno.ENODATA)
        jobid = self.submit("sleep", "inf")
        flux.job.job_raise(self.h, jobid, "mine", 7, "harmless")
        flux.job.cancel(self.h, jobid, "end")
        with self.assertRaises(flux.job.JobException) as exc:
            flux.job.event_wait(self.h, jobid, "nosuch")
        self.assertEqual((exc.exception.type, exc.exception.note, exc.exception.severity),
                         ("cancel", "end", 0))
        flux.job.event_wait(self.h, jobid, "clean", raiseJobException=False)

    def test_who_resets_what_has_gone_on_already(self):
        jobid = self.submit("true")
        flux.job.event_wait(self.h, jobid, "clean")
        names = []

        def got(future):
            event = future.get_event()
            if event is not None:
                names.append(event.name)
                future.reset()

        flux.job.event_watch_async(self.h, jobid).then(got)
        self.h.reactor_run()
        self.assertEqual(names, [e.name for e in flux.job.event_watch(self.h, jobid)])

    def test_cancel_ends_the_watch(self):
        jobid = self.submit("true", urgency=0)
        watch = flux.job.event_watch_async(self.h, jobid)
        self.assertEqual(watch.get_event().name, "submit")
        watch.cancel()
        while watch.get_event() is not None:
            pass
        flux.job.cancel(self.h, jobid)

    def test_a_callback_that_raises(self):
        jobid = self.submit("true")

        def callback(future):
            raise RuntimeError(future.get_event().name)

        future = flux.job.event_watch_async(self.h, jobid)
        future.then(callback)
        with self.assertRaisesRegex(RuntimeError, "submit"):
            self.h.reactor_run()
        future.cancel(stop=True)
        self.h.reactor_run()


class Lists(WithHandle):
    def finish(self, jobid):
        """Wait until the list knows, too, that a job has ended."""
        inactive = {"id": jobid, "attrs": ["state"],
                    "state": flux.constants.FLUX_JOB_STATE_INACTIVE}
        self.h.rpc("job-list.list-id", inactive).get()

    def test_lists(self):
        jobid = self.submit("sh", "-c", "exit 7", name="seven")
        self.finish(jobid)
        ids = [job.id for job in JobList(self.h, filters=["failed"], name="seven").jobs()]
        self.assertEqual(ids, [jobid])
        jobs = JobList(self.h, ids=[jobid, 12345])
        self.assertEqual([job.returncode for job in jobs.jobs()], [7])
        self.assertEqual(len(jobs.errors), 1)
        self.assertEqual(JobList(self.h, filters=["active"], name="seven").jobs(), [])
        self.assertIn(jobid, [j["id"] for j in flux.job.job_list(self.h).get_jobs()])
        inactive = flux.job.job_list_inactive(self.h, max_entries=1, name="seven").get_jobinfos()
        self.assertEqual([job.name for job in inactive], ["seven"])
        self.assertEqual(flux.job.job_list_id(self.h, jobid).get_jobinfo().name, "seven")
        self.assertEqual(JobList(self.h, user=os.getuid(), name="seven").jobs()[0].id, jobid)
        for user in (1 << 70, -2, 1.5, "nobody at all"):
            with self.assertRaisesRegex(ValueError, "no user"):
                JobList(self.h, user=user)
        for bad in ({"filters": ["nosuch"]}, {"user": "no such user"}):
            with self.assertRaises(ValueError):
                JobList(self.h, **bad)

    def test_get_job(self):
        jobid = self.submit("true", urgency=0, name="held")
        job = flux.job.get_job(self.h, jobid)
        self.assertEqual((job["id"], job["state"], job["name"]), (jobid, "SCHED", "held"))
        self.assertEqual(job["returncode"], "")
        info = flux.job.job_list_id(self.h, jobid).get_jobinfo()
        self.assertEqual((info.contextual_info, info.status_abbrev), ("held", "S"))
        flux.job.cancel(self.h, jobid)
        self.assertIsNone(flux.job.get_job(self.h, 12345))

    def test_stats(self):
        self.finish(self.submit("true"))
        stats = flux.job.JobStats(self.h).update_sync()
        self.assertGreater(stats.successful, 0)
        seen = []
        stats.update(lambda s, x: seen.append((s.total, x)), "x")
        self.h.reactor_run()
        self.assertEqual(seen, [(stats.total, "x")])

    def test_formats(self):
        jobid = self.submit("true", name="a-long-name")
        self.finish(jobid)
        jobs = JobList(self.h, ids=[jobid]).jobs()

        def table(fmt):
            out = io.StringIO()
            with redirect_stdout(out):
                JobInfoFormat(fmt).print_items(jobs)
            return out.getvalue().splitlines()

        self.assertEqual(table("{id.f58} {name:>4.4+} {result}"),
                         ["JOBID NAME RESULT", f"{jobid} a-l+ COMPLETED"])
        self.assertEqual(table("?:{queue:<8} +:{name:<2} {t_remaining!F:>3h}"),
                         ["NAME        T_REMAINING", "a-long-name   -"])
        self.assertEqual(table("{user.nosuch:>4h}|{exception.note}|"),
                         ["USER.NOSUCH|EXCEPTION.NOTE|".replace("EXCEPTION.", "EXCEPTION-"),
                          "   -||"])
        for bad in ("{nosuch}", "{id", "sort:nosuch {id}"):
            with self.assertRaises(ValueError, msg=bad):
                JobInfoFormat(bad)

    def test_kvs(self):
        jobid = self.submit("true")
        flux.job.event_wait(self.h, jobid, "clean")
        self.assertEqual(flux.job.job_kvs(self.h, jobid)["R"]["version"], 1)
        self.assertIn("exec", flux.job.job_kvs_guest(self.h, jobid))
        with self.assertRaises(FileNotFoundError):
            flux.job.job_kvs(self.h, 12345)


if __name__ == "__main__":
    sys.exit(unittest.main())
