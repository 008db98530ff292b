"""asyncio beside the reactor; run in an instance."""
import asyncio
import errno
import os
import socket
import sys
import time
import unittest

import flux
import flux.asyncio
import flux.job
import flux.kvs
from flux.future import FutureExt
from flux.job import JobspecV1


class Asyncio(unittest.TestCase):
    def setUp(self):
        self.h = flux.Flux()

    def tearDown(self):
        self.h.close()

    def test_rpc(self):
        async def main():
            answers = await asyncio.gather(
                *(self.ping(i) for i in range(50)))
            self.assertEqual([a["n"] for a in answers], list(range(50)))
            with self.assertRaises(OSError):
                await self.h.rpc("no.such")

        asyncio.run(main())

    async def ping(self, n):
        return await self.h.rpc("broker.ping", {"n": n})

    def test_jobs(self):
        async def one(i):
            spec = JobspecV1.from_command(["sh", "-c", f"echo {i}; exit {i}"])
            jobid = await flux.job.submit_async(self.h, spec)
            names = [e.name async for e in flux.job.event_watch_async(self.h, jobid)]
            info = await flux.job.result_async(self.h, jobid)
            lines = [c async for c in flux.job.output_watch_lines_async(self.h, jobid)]
            return names[0], names[-1], info.returncode, lines

        async def main():
            found = await asyncio.gather(*(one(i) for i in range(4)))
            self.assertEqual(
                found, [("submit", "clean", i, [("stdout", str(i))]) for i in range(4)])

        asyncio.run(main())

    def test_loop_goes_on(self):
        """Timers and descriptors of the loop are served while a job is waited for."""
        async def main():
            spec = JobspecV1.from_command(["sleep", "inf"])
            jobid = await flux.job.submit_async(self.h, spec)
            result = asyncio.ensure_future(self.result(jobid))
            process = await asyncio.create_subprocess_exec(
                "echo", "hi", stdout=asyncio.subprocess.PIPE)
            out, _ = await process.communicate()
            self.assertEqual(out, b"hi\n")
            start = time.monotonic()
            await asyncio.sleep(0.05)
            self.assertGreaterEqual(time.monotonic() - start, 0.04)
            self.assertEqual(await asyncio.to_thread(lambda: 7), 7)
            self.assertFalse(result.done())
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(result), 0.01)
            await flux.job.cancel_async(self.h, jobid)
            self.assertEqual((await result).result, "CANCELED")

        asyncio.run(main())

    async def result(self, jobid):
        return await flux.job.result_async(self.h, jobid)

    def test_flux_timers_and_callbacks(self):
        seen = []

        async def main():
            future = FutureExt(lambda f: seen.append("init"), flux_handle=self.h)
            timer = self.h.timer_watcher_create(0.01, lambda *a: future.fulfill("done"))
            timer.start()
            self.assertEqual(await future, "done")

        flux.asyncio.run(main(), self.h)
        self.assertEqual(seen, ["init"])

    def test_a_callback_that_raises(self):
        async def main():
            self.h.timer_watcher_create(0.0, lambda *a: 1 / 0).start()
            await asyncio.sleep(60)

        with self.assertRaises(ZeroDivisionError):
            flux.asyncio.run(main(), self.h)
        self.assertEqual(self.h.rpc("broker.ping", {}).get()["userid"], os.getuid())

    def test_cancelled_tasks(self):
        async def main():
            watch = flux.kvs.kvs_watch_async(self.h, "not.there", waitcreate=True)

            async def wait():
                return await watch

            task = asyncio.ensure_future(wait())
            await asyncio.sleep(0)
            with self.assertRaises(RuntimeError):
                await watch
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            flux.kvs.put(self.h, "not.there", 1)
            flux.kvs.commit(self.h)
            self.assertEqual(await watch, 1)
            watch.cancel(stop=True)

        asyncio.run(main())

    def test_refusals(self):
        async def callback():
            future = self.h.rpc("broker.ping", {})
            future.then(lambda f: None)
            await future

        async def other():
            await self.h.rpc("broker.ping", {})
            with flux.Flux() as h:
                with self.assertRaisesRegex(RuntimeError, "another"):
                    await h.rpc("broker.ping", {})
            self.h.close()
            with flux.Flux() as h:
                await h.rpc("broker.ping", {})

        with self.assertRaisesRegex(RuntimeError, "callback already"):
            asyncio.run(callback())
        asyncio.run(other())

    def test_async_with(self):
        async def main():
            async with flux.Flux() as h:
                self.assertEqual((await h.rpc("broker.ping", {"n": 1}))["n"], 1)
            with self.assertRaisesRegex(ValueError, "closed"):
                h.get_rank()

        asyncio.run(main())

    def test_a_lost_connection_reaches_who_awaits(self):
        async def one(future):
            try:
                await future
            except ConnectionResetError:
                seen.append("lost")
            finally:
                seen.append("finally")

        async def main():
            ours, theirs = socket.socketpair()
            with flux.Flux(f"fd://{os.dup(ours.fileno())}") as h:
                ours.close()
                asyncio.get_running_loop().call_later(0, theirs.close)
                late = h.rpc("pytest.never", {})
                await asyncio.gather(*(one(h.rpc("pytest.never", {})) for _ in range(2)))
                await asyncio.sleep(0)
                await one(late)

        seen = []
        asyncio.run(main())
        self.assertEqual(seen, ["lost", "finally"] * 3)

    def test_stopped_with_an_error(self):
        async def main(close):
            def stop(handle, *_args):
                handle.reactor_stop_error()
                if close:
                    handle.close()

            with flux.Flux() as h:
                await h.rpc("broker.ping", {})
                h.timer_watcher_create(0, stop).start()
                await asyncio.sleep(60)

        for close in (False, True):
            with self.assertRaises(OSError) as raised:
                asyncio.run(main(close))
            self.assertEqual(raised.exception.errno, errno.ECANCELED)

    def test_executor(self):
        async def main():
            with flux.job.FluxExecutor() as executor:
                future = executor.submit(JobspecV1.from_command(["true"]))
                return await asyncio.wrap_future(future)

        self.assertEqual(asyncio.run(main()), 0)


if __name__ == "__main__":
    sys.exit(unittest.main())
