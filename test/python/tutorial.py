"""flux-python-tutorial(7), typed as it stands: every block of it."""
import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest

PAGE = os.path.join(os.path.dirname(__file__), "../../man/flux-python-tutorial.7.scd")


class Session:
    """A shell that is typed to."""

    def __init__(self, command, cwd):
        env = {key: value for key, value in os.environ.items()
               if not key.startswith("FLUX_") or key.startswith("FLUX_TEST")}
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen([*command, "sh"], cwd=cwd, env=env, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)

    def type(self, command):
        """What a command prints, and its status."""
        self.process.stdin.write(f"{command} </dev/null\nprintf '\\n:end %d\\n' $?\n")
        self.process.stdin.flush()
        out = []
        for line in self.process.stdout:
            if line.startswith(":end "):
                return "".join(out).rstrip("\n"), int(line[5:])
            out.append(line)
        return "".join(out), self.process.wait()

    def end(self):
        """Its status."""
        self.process.stdin.close()
        rest = self.process.stdout.read()
        self.process.stdout.close()
        return self.process.wait(), rest

    def kill(self):
        """Whatever it does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.end()


def pattern(text):
    """... stands for anything in a line."""
    return re.escape(text).replace(re.escape("..."), ".*")


class Tutorial(unittest.TestCase):
    def test_every_block(self):
        with open(PAGE, encoding="utf-8") as file:
            blocks = re.findall(r"^```\n(.*?)^```\n", file.read(), re.S | re.M)
        self.assertGreater(len(blocks), 10)
        session = None
        with tempfile.TemporaryDirectory() as path:
            try:
                for block in blocks:
                    session = self.one(block, path, session)
            finally:
                if session:
                    session.kill()
            self.assertIsNone(session)
            # All files of it have been used, and the picture has all jobs of the sweep.
            self.assertEqual(sorted(os.listdir(path)),
                             ["area.py", "await.py", "events.py", "first.py", "options.py",
                              "rpc.py", "sweep.py", "sweep.svg"])
            with open(f"{path}/sweep.svg", encoding="utf-8") as file:
                picture = file.read()
            for curve in ("line", "square", "cube"):
                self.assertGreaterEqual(picture.count(curve), 3)

    def one(self, block, path, session):
        """The session that goes on."""
        name = re.match(r"# (\S+\.py)\n", block)
        if name:
            with open(os.path.join(path, name[1]), "w", encoding="utf-8") as file:
                file.write(block)
            return session
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, shown = part.partition("\n")
            if command.startswith("flux start"):
                session = Session(command.split(), path)
            elif command == "exit":
                status, rest = session.end()
                self.assertEqual((status, rest), (0, ""))
                session = None
            else:
                with self.subTest(command):
                    got, status = session.type(command)
                    self.assertEqual(status, 0, got)
                    self.assertRegex(got, "\\A" + pattern(shown.rstrip("\n")) + "\\Z")
        return session


if __name__ == "__main__":
    sys.exit(unittest.main())
