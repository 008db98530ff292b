"""The handle, RPCs, futures, watchers, events and messages; run in an instance."""
import copy
import errno
import gc
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import traceback
import unittest
import unittest.mock

import flux
import flux.constants
import flux.job
import flux.kvs
import flux.message
from flux.future import FutureExt, WaitAllFuture


class Import(unittest.TestCase):
    def test_import_loads_no_library(self):
        code = "import flux, sys; sys.exit('_flux._core' in sys.modules)"
        self.assertEqual(subprocess.run([sys.executable, "-c", code], check=False).returncode, 0)

    def test_unknown_names(self):
        for module in (flux, flux.constants):
            with self.assertRaises(AttributeError):
                module.nosuch  # pylint: disable=pointless-statement


class WithHandle(unittest.TestCase):
    def setUp(self):
        self.h = flux.Flux()

    def tearDown(self):
        self.h.close()


class Handle(WithHandle):
    def test_attributes(self):
        self.assertEqual(self.h.attr_get("rank"), "0")
        self.assertEqual(self.h.get_rank(), 0)
        self.assertEqual(self.h.get_size(), int(self.h.attr_get("size")))
        with self.assertRaisesRegex(FileNotFoundError, "nosuch"):
            self.h.attr_get("nosuch")
        before = self.h.attr_get("log-stderr-level")
        self.h.attr_set("log-stderr-level", 5)
        self.assertEqual(self.h.attr_get("log-stderr-level"), "5")
        self.h.attr_remove("log-stderr-level")
        self.assertEqual(self.h.attr_get("log-stderr-level"), before)
        with self.assertRaises(FileNotFoundError):
            self.h.attr_remove("nosuch")
        with self.assertRaises(ValueError):
            self.h.attr_remove(7)

    def test_configuration(self):
        self.assertEqual(self.h.conf_get("python.test", 5), 5)
        with flux.Flux() as other:
            other.rpc("config.load", {"python": {"test": 6}}).get()
        try:
            self.assertEqual(self.h.conf_get("python.test", 5), 5)
            self.assertEqual(self.h.conf_get("python.test", update=True), 6)
            self.assertEqual(self.h.conf_get("python"), {"test": 6})
        finally:
            self.h.rpc("config.load", {}).get()

    def test_instances_above(self):
        for uri in ("/", "."):
            with flux.Flux(uri) as h:
                self.assertEqual(h.attr_get("instance-level"), "0")

    def test_no_instance(self):
        with self.assertRaises(OSError):
            flux.Flux("local:///nosuch")

    def test_closed(self):
        ready = self.h.rpc("broker.ping", {"n": 2}).wait_for()
        never = FutureExt(lambda f: None, flux_handle=self.h)
        rpc = self.h.rpc("broker.ping", {})
        watcher = self.h.timer_watcher_create(0, lambda *a: None)
        self.h.close()
        for refused in (rpc.get, rpc.get_str, lambda: rpc.then(print), never.get, watcher.start,
                        self.h.__enter__):
            with self.assertRaisesRegex(ValueError, "closed"):
                refused()
        self.assertEqual(ready.get()["n"], 2)

    def test_copies(self):
        future = FutureExt(None, flux_handle=self.h)
        timer = self.h.timer_watcher_create(0, lambda *a: None)
        for obj in (self.h, self.h.rpc("broker.ping", {}), future, timer, flux.message.Message(),
                    flux.job.FluxExecutor(), flux.kvs.KVSTxn(self.h)):
            for way in (copy.copy, copy.deepcopy, pickle.dumps):
                with self.assertRaisesRegex(TypeError, type(obj).__name__):
                    way(obj)

    def test_what_cannot_be_called(self):
        for make in (lambda x: self.h.timer_watcher_create(0, x), self.h.idle_watcher_create,
                     self.h.msg_watcher_create, lambda x: self.h.fd_watcher_create(0, x),
                     lambda x: FutureExt(x, flux_handle=self.h),
                     lambda x: self.h.rpc("broker.ping", {}).then(x)):
            for what in (5, "text"):
                with self.assertRaisesRegex(TypeError, "cannot be called"):
                    make(what)

    def test_a_handle_for_each_thread(self):
        got = []

        def work():
            with flux.Flux() as h:
                for _ in range(50):
                    got.append(h.rpc("broker.ping", {"n": 1}).get()["n"])

        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(sum(got), 200)


class RPCs(WithHandle):
    def test_get(self):
        self.assertEqual(self.h.rpc("broker.ping", {"a": "ƒ"}).get()["a"], "ƒ")

    def test_error_has_its_text(self):
        with self.assertRaises(OSError) as caught:
            self.h.rpc("nosuch.method").get()
        self.assertEqual(caught.exception.errno, errno.ENOSYS)

    def test_nodeid(self):
        last = self.h.get_size() - 1
        rpc = self.h.rpc("attr.get", {"name": "rank"}, nodeid=last)
        self.assertEqual(rpc.get()["value"], str(last))

    def test_payload_that_is_no_json(self):
        with self.assertRaises(TypeError):
            self.h.rpc("broker.ping", {"a": object()})

    def serve(self, answer):
        """A service, in a thread of its own: answer(handle, message) for each request."""
        ready = threading.Event()

        def run():
            with flux.Flux() as h:
                h.service_register("pytest").get()
                h.msg_watcher_create(lambda h, w, message, a: answer(h, message),
                                     flux.constants.FLUX_MSGTYPE_REQUEST, "pytest.*").start()
                ready.set()
                h.reactor_run()

        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        self.assertTrue(ready.wait(60))

    def test_what_takes_longer(self):
        held = []

        def answer(h, message):
            if message.topic == "pytest.hold":
                held.append(message)
            elif message.topic == "pytest.empty":
                h.respond(message)
            elif message.topic == "pytest.late":
                h.respond_error(message, errno.ETIMEDOUT, "too late")
            else:
                h.respond(message, message.payload)
            if message.topic == "pytest.stop":
                for other in held:
                    h.respond_error(other, errno.EPERM, "held")
                h.reactor_stop()

        self.serve(answer)
        # Nothing comes in no time: all of these go on to wait.
        with unittest.mock.patch("flux.rpc.SLICE", 0.0):
            self.assertEqual(self.h.rpc("pytest.echo", {"a": [1]}).get(), {"a": [1]})
            self.assertEqual(self.h.rpc("pytest.echo", {}).get_str(), "{}")
            self.assertIsNone(self.h.rpc("pytest.empty").get())
            self.assertIsNone(self.h.rpc("pytest.empty").get_str())
            with self.assertRaisesRegex(TimeoutError, "too late"):
                self.h.rpc("pytest.late").get()
        with self.assertRaisesRegex(TimeoutError, "too late"):
            self.h.rpc("pytest.late").get_str()
        hold = self.h.rpc("pytest.hold")
        with self.assertRaisesRegex(TimeoutError, "wait_for"):
            hold.wait_for(0.0)
        self.assertFalse(hold.is_ready())
        old = signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            with self.assertRaises(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, 0.001)
                hold.get()
        finally:
            signal.signal(signal.SIGALRM, old)
        # It is as it was.
        self.assertFalse(hold.is_ready())
        self.h.rpc("pytest.stop").get()
        with self.assertRaisesRegex(PermissionError, "held"):
            hold.get()
        with self.assertRaisesRegex(PermissionError, "held"):
            hold.get()

    def test_a_connection_that_is_lost_while_one_waits(self):
        ours, theirs = socket.socketpair()
        with flux.Flux(f"fd://{os.dup(ours.fileno())}") as h:
            ours.close()
            rpc = h.rpc("pytest.never", {})
            theirs.close()
            with self.assertRaises(ConnectionResetError):
                rpc.get()

    def test_numbers_that_json_lacks(self):
        for number in (float("nan"), float("inf"), -float("inf")):
            with self.assertRaises(ValueError):
                self.h.rpc("broker.ping", {"n": number})
            with self.assertRaises(ValueError):
                flux.kvs.put(self.h, "n", number)

    def test_ranks(self):
        self.assertEqual(self.h.rpc("broker.ping", {"n": 1}, -1).get()["n"], 1)
        for rank in (1 << 32, 1 << 70, -(1 << 33)):
            with self.assertRaises(OverflowError):
                self.h.rpc("broker.ping", {}, rank)

    def test_then(self):
        seen = []
        self.h.rpc("broker.ping", {"a": 1}).then(lambda f, x: seen.append((f.get()["a"], x)), 2)
        gc.collect()
        self.assertEqual(self.h.reactor_run(), 0)
        self.assertEqual(seen, [(1, 2)])

    def test_then_with_an_argument_that_nobody_gives(self):
        seen = []

        def callback(future, arg):
            seen.append(arg)

        self.h.rpc("broker.ping", {"seq": 1}).then(callback)
        self.h.rpc("broker.ping", {"seq": 1}).then(callback, 7)
        self.h.rpc("broker.ping", {"seq": 1}).then(lambda future, arg=5: seen.append(arg))
        self.h.reactor_run()
        self.assertEqual(sorted(seen, key=str), [5, 7, None])

    def test_then_twice(self):
        rpc = self.h.rpc("broker.ping", {}).then(lambda f: None)
        with self.assertRaises(ValueError):
            rpc.then(lambda f: None)

    def test_exception_of_a_callback_reaches_the_caller(self):
        def fails_here(_future):
            raise KeyError("told")

        self.h.rpc("broker.ping", {}).then(fails_here)
        frames = []
        try:
            self.h.reactor_run()
        except KeyError as exc:
            frames = traceback.extract_tb(exc.__traceback__)
        self.assertIn("fails_here", [f.name for f in frames])
        # The reactor is as it was.
        seen = []
        self.h.rpc("broker.ping", {}).then(seen.append)
        self.h.reactor_run()
        self.assertEqual(len(seen), 1)

    def test_wait_for_has_a_limit(self):
        future = FutureExt(lambda f: None, flux_handle=self.h)
        with self.assertRaises(TimeoutError):
            future.wait_for(0.01)

    def test_future_outlives_its_handle(self):
        h = flux.Flux()
        rpc = h.rpc("broker.ping", {"a": 1})
        rpc.get()
        h.close()
        del h
        gc.collect()
        self.assertEqual(rpc.get()["a"], 1)

    def test_nothing_is_left_over(self):
        for _ in range(100):
            self.h.rpc("broker.ping", {}).get()
        gc.collect()
        before = len(gc.get_objects())
        for _ in range(2000):
            self.h.rpc("broker.ping", {}).get()
            self.h.rpc("broker.ping", {}).then(lambda f: f.get())
        self.h.reactor_run()
        gc.collect()
        self.assertLess(len(gc.get_objects()) - before, 100)
        self.assertEqual(self.h._waiting, {})

    def test_wait_all(self):
        all_of = WaitAllFuture(self.h)
        for n in range(3):
            all_of.push(self.h.rpc("broker.ping", {"n": n}))
        all_of.get()
        self.assertEqual([f.get()["n"] for f in all_of.children.values()], [0, 1, 2])


class Futures(WithHandle):
    def test_fulfilled_by_python(self):
        future = FutureExt(lambda f: f.fulfill({"any": "object"}), flux_handle=self.h)
        self.assertEqual(future.get(), {"any": "object"})

    def test_fulfilled_with_an_error(self):
        future = FutureExt(lambda f: f.fulfill_error(errno.EPERM, "not you"), flux_handle=self.h)
        with self.assertRaisesRegex(PermissionError, "not you"):
            future.get()

    def test_init_that_raises(self):
        def init(_future):
            raise RuntimeError("init")

        with self.assertRaisesRegex(RuntimeError, "init"):
            FutureExt(init, flux_handle=self.h).get()

    def test_stream(self):
        seen = []

        def got(future):
            seen.append(future.get())
            if len(seen) < 3:
                future.reset()

        future = FutureExt(lambda f: None, flux_handle=self.h).then(got)
        for n in range(3):
            future.fulfill(n)
        self.h.reactor_run()
        self.assertEqual(seen, [0, 1, 2])

    def test_stop(self):
        seen = []

        def got(future):
            seen.append(future.get())
            future.reset()
            if len(seen) == 2:
                future.stop()

        future = FutureExt(lambda f: None)
        future.set_flux(self.h)
        self.assertIs(future.get_flux(), self.h)
        future.then(got)
        for n in range(4):
            future.fulfill(n)
        self.h.reactor_run()
        self.assertEqual(seen, [0, 1])


class Watchers(WithHandle):
    def test_timer(self):
        seen = []

        def tick(handle, watcher, revents, args):
            seen.append(args)
            if len(seen) == 3:
                watcher.stop()

        self.h.timer_watcher_create(0.001, tick, repeat=0.001, args="x").start()
        gc.collect()
        self.assertEqual(self.h.reactor_run(), 0)
        self.assertEqual(seen, ["x"] * 3)
        self.assertEqual(self.h._waiting, {})

    def test_fd(self):
        rfd, wfd = os.pipe()
        seen = []

        def ready(handle, watcher, revents, args):
            seen.append(os.read(watcher.fd_int, 10))
            watcher.destroy()

        self.h.fd_watcher_create(rfd, ready, flux.constants.FLUX_POLLIN).start()
        os.write(wfd, b"hi")
        self.h.reactor_run()
        os.close(rfd)
        os.close(wfd)
        self.assertEqual(seen, [b"hi"])

    def test_signal(self):
        seen = []

        def usr1(handle, watcher, revents, args):
            seen.append(watcher.signal_int)
            watcher.stop()

        self.h.signal_watcher_create(signal.SIGUSR1, usr1).start()
        self.h.timer_watcher_create(0, lambda *a: os.kill(os.getpid(), signal.SIGUSR1)).start()
        self.h.reactor_run()
        self.assertEqual(seen, [signal.SIGUSR1])

    def test_interrupted(self):
        self.h.timer_watcher_create(60, lambda *a: None).start()
        self.h.timer_watcher_create(0, lambda *a: signal.raise_signal(signal.SIGINT)).start()
        with self.assertRaises(KeyboardInterrupt):
            self.h.reactor_run()

    def interrupt_when_it_waits(self):
        """A SIGINT for the main thread, once it waits in the kernel."""
        def sleeps():
            with open(f"/proc/self/task/{os.getpid()}/stat", encoding="ascii") as file:
                return file.read().rpartition(")")[2].split()[0] == "S"

        def kill():
            begun.wait()
            while not sleeps():
                pass
            os.kill(os.getpid(), signal.SIGINT)

        begun = threading.Event()
        thread = threading.Thread(target=kill)
        thread.start()
        self.addCleanup(thread.join)
        return begun

    def test_interrupted_while_it_waits(self):
        # The handler runs when Python does again: at the first line of a callback.
        begun = self.interrupt_when_it_waits()
        timer = self.h.timer_watcher_create(5, lambda *a: None).start()
        self.h.timer_watcher_create(0, lambda *a: begun.set()).start()
        with self.assertRaises(KeyboardInterrupt):
            self.h.reactor_run()
        timer.destroy()
        self.assertEqual(self.h.reactor_run(), 0)

    def test_recv_is_interrupted(self):
        old = signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            with self.assertRaises(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, 0.001)
                self.h.event_recv()
        finally:
            signal.signal(signal.SIGALRM, old)

    def test_one_in_the_other(self):
        def fails(*_args):
            raise KeyError("inner")

        def inner(_future):
            self.h.timer_watcher_create(0, fails).start()
            with self.assertRaisesRegex(KeyError, "inner"):
                self.h.reactor_run()

        self.h.rpc("broker.ping", {}).then(inner)
        self.assertEqual(self.h.reactor_run(), 0)

    def test_stopped_with_an_error(self):
        self.h.timer_watcher_create(0, lambda h, *a: h.reactor_stop_error()).start()
        with self.assertRaises(OSError) as raised:
            self.h.reactor_run()
        self.assertEqual(raised.exception.errno, errno.ECANCELED)

    def test_loop(self):
        seen = []
        for kind in ("prepare", "check", "idle"):
            create = getattr(self.h, kind + "_watcher_create")
            create(lambda h, w, r, a: (seen.append(a), w.stop()), args=kind).start()
        self.h.reactor_run()
        self.assertEqual(sorted(set(seen)), ["check", "idle", "prepare"])

    def test_idle_needs_no_callback(self):
        with self.h.idle_watcher_create(), self.h.timer_watcher_create(60, print):
            self.assertGreater(self.h.reactor_run(flags=flux.constants.FLUX_REACTOR_ONCE), 0)


class Messages(WithHandle):
    def test_decode(self):
        event = flux.message.Message.from_event_encode("a.b", {"x": 1})
        self.assertEqual(event.decode(), (flux.constants.FLUX_MSGTYPE_EVENT, "a.b", '{"x":1}'))
        self.assertEqual(event.type_str, flux.message.msg_typestr(event.type))
        with flux.Flux() as server:
            server.service_register("pytest-decode").get()
            request = flux.message.Message()
            request.topic = "pytest-decode.x"
            self.h.send(request)
            came = server.recv(flux.constants.FLUX_MSGTYPE_REQUEST)
            server.respond_error(came, errno.EPERM)
            response = self.h.recv(flux.constants.FLUX_MSGTYPE_RESPONSE)
            with self.assertRaisesRegex(PermissionError, "pytest-decode.x"):
                response.decode()

    def test_repr(self):
        self.assertIn("request", repr(flux.message.Message()))

    def test_event(self):
        seen = []
        self.h.event_subscribe("test.python")

        def came(handle, watcher, message, args):
            seen.append((message.topic, message.payload))
            watcher.stop()
            handle.reactor_stop()

        self.h.msg_watcher_create(came, flux.constants.FLUX_MSGTYPE_EVENT, "test.*").start()
        self.assertGreater(self.h.event_send("test.python", {"a": 1}), 0)
        self.h.reactor_run()
        self.assertEqual(seen, [("test.python", {"a": 1})])
        self.h.event_unsubscribe("test.python")

    def test_event_recv(self):
        self.h.event_subscribe("test.other")
        self.h.event_send("test.other")
        message = self.h.event_recv("test.other")
        self.assertIsNone(message.payload)
        self.assertEqual(message.type, flux.constants.FLUX_MSGTYPE_EVENT)

    def test_service(self):
        self.h.service_register("pyservice").get()

        def serve(handle, watcher, message, args):
            if message.topic.endswith("refuse"):
                handle.respond_error(message, errno.EINVAL, "no")
            else:
                handle.respond(message, {"twice": message.payload["n"] * 2})

        self.h.msg_watcher_create(
            serve, flux.constants.FLUX_MSGTYPE_REQUEST, "pyservice.*"
        ).start()
        seen = []
        self.h.rpc("pyservice.twice", {"n": 21}).then(lambda f: seen.append(f.get()))

        def refused(future):
            try:
                future.get()
            except OSError as exc:
                seen.append(str(exc))
            self.h.reactor_stop()

        self.h.rpc("pyservice.refuse").then(refused)
        self.h.reactor_run()
        self.assertEqual(seen[0], {"twice": 42})
        self.assertIn("no", seen[1])


if __name__ == "__main__":
    unittest.main()
