"""Jobs as futures of concurrent.futures; run in an instance."""
import concurrent.futures
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
import unittest
import warnings

import flux
import flux.job
from flux.job import FluxExecutor, FluxExecutorFuture, JobspecV1


def spec(*command):
    return JobspecV1.from_command(command)


class Executor(unittest.TestCase):
    def test_results(self):
        with FluxExecutor() as executor:
            futures = [executor.submit(spec("sh", "-c", f"exit {i}")) for i in range(4)]
            done = concurrent.futures.as_completed(futures, timeout=60)
            self.assertEqual(sorted(f.result() for f in done), [0, 1, 2, 3])
            ids = {f.jobid() for f in futures}
        self.assertEqual(len(ids), 4)
        self.assertIn("jobid=ƒ", repr(futures[0]))
        with self.assertRaises(RuntimeError):
            executor.submit(spec("true"))

    def test_threads(self):
        with FluxExecutor(threads=3, thread_name_prefix="mine") as executor:
            futures = [executor.submit(spec("true")) for _ in range(9)]
            names = {t.name for t in threading.enumerate()}
            self.assertLessEqual({"mine-0", "mine-1", "mine-2"}, names)
            self.assertEqual(len(concurrent.futures.wait(futures, 60).done), 9)
        self.assertFalse([t for t in threading.enumerate() if t.name.startswith("mine")])
        for bad in (1.5, float("nan"), "2"):
            with self.assertRaisesRegex(TypeError, "number of threads"):
                FluxExecutor(threads=bad)
        for bad in ({"threads": 0}, {"poll_interval": 0}):
            with self.assertRaises(ValueError):
                FluxExecutor(**bad)

    def test_events(self):
        names, ids = [], []
        with FluxExecutor() as executor:
            future = executor.submit(spec("true"))
            future.add_jobid_callback(lambda f: ids.append(f.jobid(0)))
            for event in ("submit", "start", "finish", "clean"):
                future.add_event_callback(event, lambda f, e: names.append(e.name))
            future.add_event_callback("start", lambda f, e: 1 / 0)
            with self.assertRaises(ValueError):
                future.add_event_callback("nosuch", print)
            logging.disable()
        logging.disable(logging.NOTSET)
        self.assertEqual(names, ["submit", "start", "finish", "clean"])
        late = []
        future.add_event_callback("clean", lambda f, e: late.append(e))
        future.add_jobid_callback(lambda f: ids.append(f.jobid()))
        self.assertEqual(len(late), 1)
        self.assertEqual(ids, [future.jobid()] * 2)

    def test_exceptions(self):
        with FluxExecutor() as executor:
            future = executor.submit(spec("sleep", "inf"))
            with flux.Flux() as h:
                flux.job.cancel(h, future.jobid(60), "why not")
            exc = future.exception(60)
            self.assertIsInstance(exc, flux.job.JobException)
            self.assertEqual((exc.type, exc.note), ("cancel", "why not"))
            refused = executor.submit("{}")
            with self.assertRaises(OSError):
                refused.result(60)
            with self.assertRaises(RuntimeError):
                refused.jobid()
            wrong = executor.submit(7)
            self.assertIsInstance(wrong.exception(60), TypeError)
            with self.assertRaises(TypeError):
                executor.submit()
            self.assertIsInstance(executor.attach(12345).exception(60), FileNotFoundError)
            self.assertEqual(executor.submit(spec("true")).result(60), 0)

    def test_attach(self):
        with flux.Flux() as h, FluxExecutor() as executor:
            jobid = flux.job.submit(h, spec("sh", "-c", "exit 5"))
            flux.job.event_wait(h, jobid, "clean")
            future = executor.attach(jobid)
            self.assertEqual((future.jobid(), future.result(60)), (jobid, 5))
            seen = []
            future.add_event_callback("alloc", lambda f, e: seen.append(e.name))
            self.assertEqual(seen, ["alloc"])

    def test_cancel(self):
        begun, gate = threading.Event(), threading.Event()

        class Slow:
            """Holds the executor's thread up, as a very large jobspec would."""

            @staticmethod
            def dumps(**kwargs):
                begun.set()
                gate.wait(60)
                return spec("true").dumps(**kwargs)

        with FluxExecutor() as executor:
            first = executor.submit(Slow())
            begun.wait(60)
            second = executor.submit(spec("true"))
            self.assertTrue(second.cancel())
            third = executor.submit(spec("true"))
            executor.shutdown(wait=False, cancel_futures=True)
            gate.set()
        for future in (second, third):
            self.assertTrue(future.cancelled())
            with self.assertRaises(concurrent.futures.CancelledError):
                future.jobid(1)
        self.assertFalse(first.cancel())
        self.assertEqual(first.result(), 0)

    def test_waiting(self):
        future = FluxExecutorFuture()
        with self.assertRaises(concurrent.futures.TimeoutError):
            future.jobid(0)

    def test_callback_cannot_wait_for_its_own_thread(self):
        caught = []
        with FluxExecutor() as executor:
            def callback(_future):
                try:
                    executor.submit(spec("true")).jobid(60)
                except RuntimeError as exc:
                    caught.append(exc)
            future = executor.submit(spec("true"), urgency=0)
            future.add_done_callback(callback)
            with flux.Flux() as h:
                flux.job.set_urgency(h, future.jobid(60), 16)
            future.result(60)
            # The callback submits one more: it must have before the shutdown.
            while not caught:
                executor.submit(spec("true")).result(60)
        self.assertEqual(len(caught), 1)

    def test_without_shutdown(self):
        """The jobs are waited for, and then the interpreter ends; so does a thread whose
        executor is gone."""
        code = ("import flux.job\n"
                "s = flux.job.JobspecV1.from_command(['true'])\n"
                "e = flux.job.FluxExecutor()\n"
                "e.submit(s).add_done_callback(lambda f: print(f.result()))\n")
        out = subprocess.run([sys.executable, "-X", "dev", "-W", "error", "-c", code],
                             capture_output=True, text=True, timeout=60, check=True)
        self.assertEqual((out.stdout, out.stderr), ("0\n", ""))
        executor = FluxExecutor(thread_name_prefix="gone")
        executor.submit(spec("true")).result(60)
        thread = next(t for t in threading.enumerate() if t.name == "gone-0")
        del executor
        gc.collect()
        thread.join(60)
        self.assertFalse(thread.is_alive())

    def fork(self, function):
        """Its exit status, in a child."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there are threads
            pid = os.fork()
        if pid == 0:
            status = 1
            try:
                function()
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def test_fork(self):
        """A child has none of the threads: it is told, and the parent goes on."""
        with FluxExecutor() as executor, flux.Flux() as h:
            future = executor.submit(spec("sleep", "inf"))
            future.jobid(60)

            def child():
                for again in (lambda: executor.submit(spec("true")), lambda: executor.attach(1),
                              lambda: future.result(60)):
                    with self.assertRaisesRegex(RuntimeError, "fork"):
                        again()
                executor.shutdown()
                with FluxExecutor() as mine:
                    self.assertEqual(mine.submit(spec("true")).result(60), 0)

            called = []
            future.add_done_callback(lambda f: called.append(os.getpid()))
            self.assertEqual(self.fork(child), 0)
            self.assertFalse(future.done())
            flux.job.cancel(h, future.jobid())
            self.assertIsInstance(future.exception(60), flux.job.JobException)
        self.assertEqual(called, [os.getpid()])

    def test_fork_before_it_begins(self):
        with FluxExecutor() as executor:
            def child():
                self.assertEqual(executor.submit(spec("true")).result(60), 0)
                executor.shutdown()

            self.assertEqual(self.fork(child), 0)
            self.assertEqual(executor.submit(spec("true")).result(60), 0)

    def test_lost_broker(self):
        cmd = ["flux", "start", "-s1", "sh", "-c", "echo $FLUX_URI; exec cat"]
        with subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True) as other:
            uri = other.stdout.readline().strip()
            with flux.Flux(uri) as h:
                pid = int(h.attr_get("broker.pid"))
            with FluxExecutor(handle_args=(uri,)) as executor:
                future = executor.submit(spec("sleep", "inf"))
                future.jobid(60)
                os.kill(pid, signal.SIGKILL)
                self.assertIsInstance(future.exception(60), OSError)
                executor.shutdown()
            other.stdin.close()

    def test_no_broker(self):
        with FluxExecutor(handle_args=("local:///nosuch",)) as executor:
            future = executor.submit(spec("true"))
            self.assertIsInstance(future.exception(60), OSError)
            with self.assertRaisesRegex(RuntimeError, "broken"):
                executor.submit(spec("true"))

    def test_many(self):
        count = int(os.environ.get("FLUX_TEST_JOBS", "100"))
        start = time.monotonic()
        with FluxExecutor(threads=2) as executor:
            job = spec("true").dumps()
            futures = [executor.submit(job) for _ in range(count)]
            self.assertEqual({f.result(600) for f in futures}, {0})
        if "FLUX_TEST_JOBS" in os.environ:
            print(f"{count / (time.monotonic() - start):.0f} jobs/s", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(unittest.main())
