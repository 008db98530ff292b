"""What jobs print, what lies in their directories, the journal; run in an instance."""
import errno
import io
import sys
import unittest

import flux
import flux.job
from flux.job import JobspecV1
from flux.job.output import (
    JobExceptionEvent,
    JobOutputWatchLines,
    LogEvent,
    OutputEvent,
    RedirectEvent,
)


class WithHandle(unittest.TestCase):
    def setUp(self):
        self.h = flux.Flux()

    def tearDown(self):
        self.h.close()

    def submit(self, script, *args, **kwargs):
        urgency = kwargs.pop("urgency", 16)
        spec = JobspecV1.from_command(["sh", "-c", script, *args], **kwargs)
        return flux.job.submit(self.h, spec, urgency=urgency)


class Output(WithHandle):
    def test_all(self):
        jobid = self.submit("echo out; echo err >&2; printf '\\377'", num_tasks=2)
        out = flux.job.job_output(self.h, jobid)
        self.assertEqual(sorted(out.stdout), sorted("out\n\udcff" * 2))
        self.assertEqual(out.stderr, "err\nerr\n")
        out = flux.job.job_output(self.h, jobid, tasks="1", labelio=True)
        self.assertEqual((out.stdout, out.stderr), ("1: out\n1: \udcff", "1: err\n"))
        events = list(flux.job.output_watch_events(self.h, jobid))
        self.assertEqual(events[0].name, "header")
        self.assertEqual(sum(e.eof for e in events if isinstance(e, OutputEvent)), 4)

    def test_lines(self):
        jobid = self.submit("printf 'a\\nb'; printf 'c\\nd'")
        lines = list(flux.job.output_watch_lines(self.h, jobid, labelio=True))
        self.assertEqual(lines, [("stdout", "0: a"), ("stdout", "0: bc"), ("stdout", "0: d")])
        lines = list(flux.job.output_watch_lines(self.h, jobid, keepends=True))
        self.assertEqual(lines, [("stdout", "a\n"), ("stdout", "bc\n"), ("stdout", "d")])

    def test_pieces_of_lines(self):
        """However the output is cut, lines and labels are the same."""
        for size in (1, 2, 3, 100):
            watch = JobOutputWatchLines.__new__(JobOutputWatchLines)
            from collections import deque
            watch.keepends, watch._parts, watch._chunks = False, {}, deque()
            watch._midline, watch.log_level, watch.labelio = {}, 7, True
            text = "one\n\ntwo\nthree"
            for i in range(0, len(text), size):
                context = {"stream": "stdout", "rank": "3", "data": text[i:i + size]}
                watch._take(OutputEvent({"timestamp": 1, "name": "data", "context": context},
                                        True))
            watch._take(None)
            lines = [line for _, line in watch._chunks]
            self.assertEqual(lines, ["3: one", "3: ", "3: two", "3: three", None], size)

    def test_autoreset(self):
        jobid = self.submit("echo one; echo two")
        watch = flux.job.output_watch_async(self.h, jobid)
        text = ""
        while True:
            chunk = watch.get(autoreset=False)
            self.assertEqual(watch.get(autoreset=False), chunk)
            self.assertEqual(watch.get(), chunk)
            if chunk == (None, None):
                break
            text += chunk[1]
        self.assertEqual(text, "one\ntwo\n")

    def test_async(self):
        jobid = self.submit("echo a; echo b >&2")
        seen = []
        watch = flux.job.output_watch_async(self.h, jobid)
        watch.then(lambda f: seen.append(f.get_output()))
        lines = []
        flux.job.output_watch_lines_async(self.h, jobid).then(
            lambda f, x: lines.append((x, f.getline())), "x")
        self.h.reactor_run()
        expected = [("stdout", "a\n"), ("stderr", "b\n"), (None, None)]
        self.assertEqual(sorted(seen[:-1]), sorted(expected[:-1]))
        self.assertEqual(seen[-1], (None, None))
        self.assertEqual(len(lines), 3)
        self.assertIn(("x", ("stdout", "a")), lines)

    def test_none(self):
        jobid = self.submit("true", urgency=0)
        with self.assertRaises(FileNotFoundError):
            flux.job.job_output(self.h, jobid, nowait=True)
        with self.assertRaises(FileNotFoundError):
            list(flux.job.output_watch(self.h, jobid, nowait=True))
        flux.job.cancel(self.h, jobid, "no")
        self.assertEqual(list(flux.job.output_watch(self.h, jobid)), [])
        out = flux.job.job_output(self.h, jobid)
        self.assertEqual(out, ("", "", "job.exception type=cancel severity=0 no\n"))
        event, = flux.job.output_watch_events(self.h, jobid)
        self.assertIsInstance(event, JobExceptionEvent)
        self.assertEqual((event.exc_type, event.note), ("cancel", "no"))
        with self.assertRaises(FileNotFoundError):
            flux.job.job_output(self.h, 12345)

    def test_other_events(self):
        redirect = RedirectEvent({"timestamp": 1, "name": "redirect", "context": {
            "stream": "stdout", "rank": "0-1", "path": "/x"}})
        self.assertEqual(redirect.render(), "0-1: stdout redirected to /x")
        log = LogEvent({"timestamp": 1, "name": "log", "context": {
            "rank": 0, "level": 3, "component": "pmi", "message": "oops"}})
        self.assertEqual(log.render(), "flux-shell[0]: ERROR: pmi: oops")

    def test_watcher(self):
        out, err = io.StringIO(), io.StringIO()
        ids = [self.submit("echo $0; exit $0", str(i)) for i in (0, 3)]
        watcher = flux.job.JobWatcher(self.h, ids, log_status=True, log_events=True,
                                      stdout=out, stderr=err)
        watcher.add_jobid(12345)
        watcher.start()
        watcher.add_jobid(self.submit("echo late"))
        self.h.reactor_run()
        self.assertEqual((watcher.exitcode, watcher.ntotal, watcher.ndone), (3, 4, 4))
        self.assertTrue(watcher.done)
        self.assertEqual(sorted(out.getvalue().split()), ["0", "3", "late"])
        self.assertIn(f"{ids[1]}: exited with exit code 3", err.getvalue())
        self.assertIn(": submit {", err.getvalue())
        held = self.submit("true", urgency=0)
        watcher = flux.job.JobWatcher(self.h, [held], watch=False, wait="priority").start()
        self.h.reactor_run()
        self.assertEqual(watcher.exitcode, 0)
        watcher = flux.job.JobWatcher(self.h, [held]).start()
        watcher.stop()
        flux.job.cancel(self.h, held)
        self.h.reactor_run()


class Lookup(WithHandle):
    def test_keys(self):
        jobid = self.submit("true", name="mine")
        flux.job.event_wait(self.h, jobid, "clean")
        data = flux.job.job_kvs_lookup(self.h, jobid, ["R", "jobspec"])
        self.assertEqual(data["R"]["version"], 1)
        self.assertEqual(data["jobspec"]["attributes"]["system"]["job"]["name"], "mine")
        data = flux.job.job_kvs_lookup(self.h, jobid, ["R"], decode=False, base=True)
        self.assertIsInstance(data["R"], str)
        data = flux.job.job_kvs_lookup(self.h, jobid, original=True)
        self.assertEqual(data["jobspec"]["version"], 1)
        self.assertIsNone(flux.job.job_kvs_lookup(self.h, 12345))
        lookup = flux.job.JobKVSLookup(self.h, [jobid, 12345], ["R"])
        self.assertEqual([d["id"] for d in lookup.data()], [jobid])
        self.assertEqual(len(lookup.errors), 1)
        names = [e.name for e in flux.job.job_eventlog(self.h, jobid)]
        self.assertEqual((names[0], names[-1]), ("submit", "clean"))


class Journal(WithHandle):
    def test_poll(self):
        held = self.submit("true", urgency=0)
        consumer = flux.job.JournalConsumer(self.h, include_sentinel=True).start()
        past = []
        for event in consumer:
            if event.is_empty():
                break
            past.append(event)
        stamps = [event.timestamp for event in past]
        self.assertEqual(stamps, sorted(stamps))
        mine = [event.name for event in past if event.jobid == held]
        self.assertEqual(mine[0], "submit")
        flux.job.cancel(self.h, held)
        while True:
            event = consumer.poll(30)
            if event.jobid == held and event.name == "clean":
                break
        self.assertTrue(consumer.is_empty())
        with self.assertRaises(OSError) as caught:
            consumer.poll(0.01)
        self.assertEqual(caught.exception.errno, errno.ETIMEDOUT)
        with self.assertRaises(RuntimeError):
            consumer.start()
        consumer.stop()
        self.assertIsNone(consumer.poll(30))
        late = flux.job.JournalConsumer(self.h, since=event.timestamp,
                                        include_sentinel=True).start()
        self.assertTrue(late.poll(30).is_empty())

    def test_callback(self):
        consumer = flux.job.JournalConsumer(self.h, full=False, allow=["submit", "alloc", "clean"])
        seen = []

        def callback(event, x):
            self.assertEqual(x, 1)
            if event is None:
                seen.append(None)
                return
            if event.name == "submit":
                self.assertEqual(event.jobspec["version"], 1)
            if event.name == "alloc":
                self.assertEqual(event.R["version"], 1)
            if event.jobid == jobid:
                seen.append(event.name)
                if event.name == "clean":
                    consumer.stop()

        consumer.set_callback(callback, x=1)
        consumer.start()
        with self.assertRaises(RuntimeError):
            consumer.poll()
        # The stream is open once this is answered.
        self.h.rpc("job-manager.stats-get", {}).get()
        jobid = self.submit("true")
        self.h.reactor_run()
        self.assertEqual(seen, ["submit", "alloc", "clean", None])


if __name__ == "__main__":
    sys.exit(unittest.main())
