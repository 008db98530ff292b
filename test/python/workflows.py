"""The calls that workflow systems make, in small systems of our own: each of them is what
the documentation of parsl, psij, snakemake, maestro or executorlib says of Flux. Run in an
instance of 2."""
import concurrent.futures
import os
import pickle
import socket
import sys
import tempfile
import threading
import unittest

import flux
import flux.constants
import flux.job
import flux.resource.list


class Parsl:
    """Functions as jobs: an argument goes in by a file, what it returns comes out by one."""

    RUN = ("import pickle, sys\n"
           "name, args = pickle.load(open(sys.argv[1], 'rb'))\n"
           "result = {'square': lambda x: x * x, 'fail': lambda x: 1 / 0}[name](*args)\n"
           "pickle.dump(result, open(sys.argv[2], 'wb'))\n")

    def __init__(self, folder):
        self.folder = folder
        self.executor = flux.job.FluxExecutor(threads=2, thread_name_prefix="parsl")
        self.count = 0

    def submit(self, name, *args, **resources):
        """A future of what the function returns."""
        self.count += 1
        inside, outside = (f"{self.folder}/{self.count}.{end}" for end in ("in", "out"))
        with open(inside, "wb") as file:
            pickle.dump((name, args), file)
        spec = flux.job.JobspecV1.from_command([sys.executable, "-c", self.RUN, inside, outside],
                                               **resources)
        spec.cwd, spec.environment = self.folder, dict(os.environ)
        spec.stdout = spec.stderr = f"{self.folder}/{self.count}.log"
        future = concurrent.futures.Future()

        def done(job):
            try:
                if job.result() != 0:
                    raise RuntimeError(f"status {job.result()}")
                with open(outside, "rb") as file:
                    future.set_result(pickle.load(file))
            except Exception as exc:  # pylint: disable=broad-except
                future.set_exception(exc)

        self.executor.submit(spec).add_done_callback(done)
        return future


class Psij:
    """Jobs with states, which change as Flux says."""

    STATES = {"submit": "QUEUED", "alloc": "ACTIVE", "clean": "ENDED"}

    def __init__(self):
        self.executor = flux.job.FluxExecutor()
        self.lock = threading.Lock()

    def submit(self, words, duration=None):
        """A dict of the job; what is called as it changes is in it."""
        spec = flux.job.JobspecV1.from_command(words)
        if duration is not None:
            spec.duration = duration
        return self.follow(self.executor.submit(spec))

    def attach(self, native_id):
        """The same, of one that another process has submitted."""
        return self.follow(self.executor.attach(flux.job.JobID(native_id)))

    def follow(self, future):
        job = {"future": future, "states": [], "id": threading.Event()}
        future.add_jobid_callback(lambda f: job["id"].set())
        for name in self.STATES:
            assert name in future.EVENTS
            future.add_event_callback(name, lambda f, event: self.changed(job, event.name))
        return job

    def changed(self, job, name):
        with self.lock:
            job["states"].append(self.STATES[name])

    @staticmethod
    def cancel(job):
        with flux.Flux() as handle:
            flux.job.cancel(handle, job["future"].jobid())


class Snakemake:
    """Rules with inputs and outputs: what has all its inputs is submitted, and polled."""

    def __init__(self, folder, rules):
        self.folder, self.rules = folder, dict(rules)
        self.executor = flux.job.FluxExecutor()
        self.running = {}

    def exists(self, names):
        return all(os.path.exists(f"{self.folder}/{name}") for name in names)

    def run(self):
        """The rules, in the order in which they ended."""
        ended = []
        while self.rules or self.running:
            for name, (inputs, outputs, command, cores) in list(self.rules.items()):
                if self.exists(inputs):
                    del self.rules[name]
                    spec = flux.job.JobspecV1.from_command(
                        ["/bin/sh", "-c", command], num_tasks=1, cores_per_task=cores,
                        environment=dict(os.environ), cwd=self.folder, duration="10m")
                    self.running[name] = (self.executor.submit(spec), outputs)
            for name, (job, outputs) in list(self.running.items()):
                if job.done():
                    del self.running[name]
                    if job.cancelled() or job.exception() or job.result(0) != 0 \
                            or not self.exists(outputs):
                        raise RuntimeError(f"rule {name} has failed: {job.jobid()}")
                    ended.append(name)
            concurrent.futures.wait([job for job, _ in self.running.values()],
                                    return_when=concurrent.futures.FIRST_COMPLETED)
        return ended


class Maestro:
    """A study: steps as scripts, whose jobs are asked for by their ids."""

    def __init__(self, folder):
        self.folder, self.handle = folder, flux.Flux()

    def submit(self, name, text, nest=False):
        path = f"{self.folder}/{name}.sh"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o700)
        if nest:
            spec = flux.job.JobspecV1.from_nest_command([path], num_slots=1, num_nodes=1)
        else:
            spec = flux.job.JobspecV1.from_command([path])
        spec.cwd, spec.environment = self.folder, dict(os.environ)
        spec.setattr("system.job.name", name)
        spec.stdout = f"{self.folder}/{name}.{{{{id}}}}.out"
        return str(flux.job.submit(self.handle, spec, urgency=16, waitable=True))

    def states(self, ids):
        """{id: COMPLETED, ...}"""
        found = flux.job.JobList(self.handle, ids=ids).jobs()
        return {str(job.id.f58): job.status for job in found}

    def cancel(self, ids):
        futures = [flux.job.cancel_async(self.handle, flux.job.JobID(i)) for i in ids]
        for future in futures:
            future.get()


class Executorlib:
    """A worker that stays, and is spoken to through a socket."""

    WORKER = ("import pickle, socket, sys\n"
              "s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))).makefile('rwb')\n"
              "while (call := pickle.load(s)) is not None:\n"
              "    pickle.dump(eval(call[0])(*call[1]), s); s.flush()\n")

    def __init__(self, cores):
        up = flux.resource.list.resource_list(flux.Flux()).get().up
        if cores > up.ncores:
            raise ValueError(f"{cores} cores: there are {up.ncores}")
        self.server = socket.create_server(("127.0.0.1", 0))
        spec = flux.job.JobspecV1.from_command(
            command=[sys.executable, "-c", self.WORKER, str(self.server.getsockname()[1])],
            num_tasks=1, cores_per_task=cores, gpus_per_task=None, num_nodes=None,
            exclusive=False)
        spec.environment = dict(os.environ)
        spec.setattr_shell_option("verbose", 1)
        self.executor = flux.job.FluxExecutor()
        self.job = self.executor.submit(spec)
        connection = self.server.accept()[0]
        self.stream = connection.makefile("rwb")
        connection.close()

    def call(self, function, *args):
        pickle.dump((function, args), self.stream)
        self.stream.flush()
        return pickle.load(self.stream)

    def shutdown(self):
        pickle.dump(None, self.stream)
        self.stream.close()
        self.server.close()
        self.job.cancel()  # too late, as one does it
        return self.job.result()


class Workflows(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)

    def test_parsl(self):
        system = Parsl(self.dir.name)
        with system.executor:
            futures = [system.submit("square", n, num_tasks=1, cores_per_task=1)
                       for n in range(20)]
            failed = system.submit("fail", 0)
            done = {f.result(60) for f in concurrent.futures.as_completed(futures)}
            self.assertEqual(done, {n * n for n in range(20)})
            self.assertEqual(str(failed.exception(60)), "status 1")
        with open(f"{self.dir.name}/21.log", encoding="utf-8") as file:
            self.assertIn("ZeroDivisionError", file.read())

    def test_psij(self):
        system = Psij()
        with system.executor:
            jobs = [system.submit(["true"], duration=60) for _ in range(3)]
            held = system.submit(["sleep", "inf"])
            self.assertTrue(held["id"].wait(60))
            with flux.Flux() as handle:
                flux.job.event_wait(handle, held["future"].jobid(), "start")
            other = system.attach(str(held["future"].jobid()))
            system.cancel(held)
            for job in jobs:
                self.assertEqual(job["future"].result(60), 0)
            for job in (held, other):
                self.assertIsInstance(job["future"].exception(60), flux.job.JobException)
        for job in jobs + [held, other]:
            self.assertEqual(job["states"], ["QUEUED", "ACTIVE", "ENDED"])

    def test_snakemake(self):
        rules = {
            "merge": (["a.sorted", "b.sorted"], ["all"], "sort -m a.sorted b.sorted >all", 1),
            "sort-a": (["a"], ["a.sorted"], "sort a >a.sorted", 1),
            "sort-b": (["b"], ["b.sorted"], "sort b >b.sorted", 1),
            "make-a": ([], ["a"], "seq 9 -2 1 >a", 1),
            "make-b": ([], ["b"], "seq 8 -2 2 >b.new && mv b.new b", 1),
        }
        for name in ("a", "a.sorted", "b.sorted"):  # whole, when it is there
            for rule, (inputs, outputs, command, cores) in list(rules.items()):
                if outputs == [name]:
                    command = command.replace(f">{name}", f">{name}.new") + f" && mv {name}.new {name}"
                    rules[rule] = (inputs, outputs, command, cores)
        system = Snakemake(self.dir.name, rules)
        with system.executor:
            ended = system.run()
            self.assertEqual((sorted(ended), ended[-1]), (sorted(rules), "merge"))
        with open(f"{self.dir.name}/all", encoding="ascii") as file:
            self.assertEqual(file.read().split(), [str(n) for n in range(1, 10)])
        system = Snakemake(self.dir.name, {"wrong": ([], ["x"], "exit 3", 1)})
        with system.executor, self.assertRaisesRegex(RuntimeError, "rule wrong has failed: ƒ"):
            system.run()

    def test_maestro(self):
        system = Maestro(self.dir.name)
        steps = [system.submit("first", "#!/bin/sh\necho first\n"),
                 system.submit("nest", "#!/bin/sh\nflux run -n1 echo inside\n", nest=True),
                 system.submit("wrong", "#!/bin/sh\nexit 2\n")]
        forever = system.submit("forever", "#!/bin/sh\nsleep inf\n")
        flux.job.event_wait(system.handle, forever, "start")
        self.assertEqual(system.states([forever]), {forever: "RUN"})
        system.cancel([forever])
        results = dict((str(r.jobid.f58), r.success) for r in
                       (flux.job.wait(system.handle, i) for i in steps + [forever]))
        self.assertEqual([results[i] for i in steps + [forever]], [True, True, False, False])
        for jobid in steps + [forever]:
            flux.job.event_wait(system.handle, jobid, "clean", raiseJobException=False)
        states = system.states(steps + [forever])
        while set(states.values()) & {"RUN", "CLEANUP"}:  # job-list hears of it after us
            states = system.states(steps + [forever])
        self.assertEqual([states[i] for i in steps + [forever]],
                         ["COMPLETED", "COMPLETED", "FAILED", "CANCELED"])
        for name, text in (("first", "first\n"), ("nest", "inside\n")):
            found = [n for n in os.listdir(self.dir.name) if n.startswith(name + ".") and
                     n.endswith(".out")]
            with open(f"{self.dir.name}/{found[0]}", encoding="utf-8") as file:
                self.assertEqual(file.read(), text)
        system.handle.close()

    def test_executorlib(self):
        with self.assertRaisesRegex(ValueError, "there are"):
            Executorlib(1000000)
        worker = Executorlib(1)
        with worker.executor:
            self.assertEqual(worker.call("lambda x: x + 1", 4), 5)
            rank = worker.call("lambda name: __import__('os').environ[name]", "FLUX_TASK_RANK")
            self.assertEqual(rank, "0")
            self.assertEqual(worker.shutdown(), 0)


if __name__ == "__main__":
    sys.exit(unittest.main())
