"""The cell of the tutorial that awaits donuts; a second instead of six."""
import io
import sys
import unittest
from contextlib import redirect_stdout
from functools import partial

import flux
import flux.future
import flux.kvs


class Donut(unittest.TestCase):
    def cell(self):
        handle = flux.Flux()

        def we_await_donuts(future):
            print("We await donuts")
            with flux.kvs.KVSTxn(flux_handle=handle) as kt:
                kt.mkdir("donuts")
                kt.put("donuts.old_fashioned", "best")
                kt.put("donuts.plain_raised", "good ol' standby")
                kt.put("donuts.apple_fritter", "excellent alternative")

        def samir_brought_donuts(hand, watcher, revents, args, future):
            donuts = flux.kvs.KVSDir(hand, ".donuts")
            for donut in donuts.files():
                print(f"{donut}: {flux.kvs.get(hand, donuts.key_at(donut))}")
            future.fulfill()

        def donuts_are_here(future):
            print("The donut future has been fulfilled")

        donut_future = flux.future.FutureExt(we_await_donuts, flux_handle=handle)
        donut_future.then(donuts_are_here)
        donut_watcher = handle.timer_watcher_create(
            1, partial(samir_brought_donuts, future=donut_future))
        donut_watcher.start()
        return handle.reactor_run()

    def test_it_prints_what_the_tutorial_shows(self):
        out = io.StringIO()
        with redirect_stdout(out):
            rc = self.cell()
        self.assertEqual(rc, 0)
        self.assertEqual(out.getvalue().splitlines(), [
            "We await donuts",
            "apple_fritter: excellent alternative",
            "old_fashioned: best",
            "plain_raised: good ol' standby",
            "The donut future has been fulfilled",
        ])


if __name__ == "__main__":
    sys.exit(unittest.main())
