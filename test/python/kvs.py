"""The key-value store from Python; run in an instance."""
import unittest

import flux
import flux.kvs
from flux.future import FutureExt


class KVS(unittest.TestCase):
    def setUp(self):
        self.h = flux.Flux()

    def tearDown(self):
        self.h.close()

    def test_put_and_get(self):
        for value in ("text", 1, 1.5, None, [1, "ƒ"], {"a": {"b": 1}}):
            flux.kvs.put(self.h, "t.value", value)
            flux.kvs.commit(self.h)
            self.assertEqual(flux.kvs.get(self.h, "t.value"), value)

    def test_what_is_not_there(self):
        with self.assertRaisesRegex(FileNotFoundError, "no.such"):
            flux.kvs.get(self.h, "no.such")
        self.assertFalse(flux.kvs.exists(self.h, "no.such"))
        self.assertFalse(flux.kvs.isdir(self.h, "no.such"))

    def test_transaction_that_fails_changes_nothing(self):
        with self.assertRaises(RuntimeError):
            with flux.kvs.KVSTxn(self.h) as txn:
                txn.put("t.never", 1)
                raise RuntimeError
        self.assertFalse(flux.kvs.exists(self.h, "t.never"))

    def test_directory(self):
        with flux.kvs.KVSTxn(self.h) as txn:
            txn.put("d.b", 2)
            txn.put("d.a", 1)
            txn.mkdir("d.sub")
        d = flux.kvs.get_dir(self.h, "d")
        self.assertEqual((list(d.files()), list(d.directories())), (["a", "b"], ["sub"]))
        self.assertTrue(flux.kvs.isdir(self.h, "d.sub"))
        self.assertEqual(d["a"], 1)
        with self.assertRaises(KeyError):
            d["nosuch"]  # pylint: disable=pointless-statement
        with d:
            d["c"] = 3
            del d["a"]
        self.assertEqual(list(d.files()), ["b", "c"])
        self.assertEqual(
            list(flux.kvs.walk(d, topdown=True)), [("", ["sub"], ["b", "c"]), ("sub", [], [])]
        )

    def test_directories_share_their_changes(self):
        flux.kvs.put_mkdir(self.h, "share.sub")
        flux.kvs.commit(self.h)
        top = flux.kvs.KVSDir(self.h, "share")
        top["a"] = 1
        top["sub"]["b"] = 2
        self.assertFalse(flux.kvs.exists(self.h, "share.sub.b"))
        top.commit()
        self.assertEqual((top["a"], top["sub"]["b"]), (1, 2))
        top["sub"]["c"] = 3
        top.commit_async().get()
        self.assertEqual(flux.kvs.get(self.h, "share.sub.c"), 3)

    def test_get_of_a_directory(self):
        with flux.kvs.get(self.h, ".") as top:
            top["of_directory"] = 5
        self.assertEqual(flux.kvs.get(self.h, "of_directory"), 5)

    def test_namespace(self):
        flux.kvs.namespace_create(self.h, "pyspace", 0xFFFFFFFF)
        self.assertIn("pyspace", flux.kvs.namespace_list(self.h))
        with flux.kvs.KVSTxn(self.h, "pyspace") as txn:
            txn.put("x", 1)
        self.assertEqual(flux.kvs.get(self.h, "x", namespace="pyspace"), 1)
        flux.kvs.namespace_remove(self.h, "pyspace")

    def test_future_of_python_and_a_transaction_in_its_start(self):
        seen = []

        def begin(_future):
            with flux.kvs.KVSTxn(flux_handle=self.h) as txn:
                txn.put("snack.pie", "good")

        def tick(handle, watcher, revents, args):
            snacks = flux.kvs.KVSDir(handle, ".snack")
            seen.extend(flux.kvs.get(handle, snacks.key_at(n)) for n in snacks.files())
            future.fulfill()

        future = FutureExt(begin, flux_handle=self.h).then(lambda f: seen.append("done"))
        self.h.timer_watcher_create(0.001, tick).start()
        self.assertEqual(self.h.reactor_run(), 0)
        self.assertEqual(seen, ["good", "done"])


if __name__ == "__main__":
    unittest.main()
