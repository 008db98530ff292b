"""Plugins of the commands that submit, and the options of jobspecs; run in an instance."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import unittest

import flux
import flux.job
from flux.cli.plugin import CLIPlugin, CLIPluginRegistry
from flux.job import JobspecV1

MODE = '''
from flux.cli.plugin import CLIPlugin


class Mode(CLIPlugin):
    """How to compute."""

    def __init__(self, prog):
        super().__init__(prog, prefix="site", version="1.0")
        self.add_option("--mode", choices=["fast", "safe"], help="How to compute.")
        self.add_option("--twice", action="store_true", help="Twice as many nodes.")
        self.add_option("--level", type=int, nargs="?", const=3, default=1)
        if prog == "batch":
            self.add_option("--seen", action="append", metavar="WORD")

    def preinit(self, args):
        if args.twice:
            args.nodes = 2 * (args.nodes or 1)

    def modify_jobspec(self, args, jobspec):
        if args.mode:
            jobspec.setattr("user.mode", args.mode)
        jobspec.setattr("user.level", args.site_level)
        jobspec.setattr("user.command", list(args.command))
        if self.prog == "batch":
            jobspec.setattr("user.seen", args.seen)

    def validate(self, jobspec):
        if jobspec.queue == "slow" and jobspec.attributes["user"].get("mode") == "fast":
            raise ValueError("nothing is fast in queue slow")
'''
PLAIN = '''
from flux.cli.plugin import CLIPlugin


class Plain(CLIPlugin):
    def __init__(self, prog):
        super().__init__(prog, prefix=None)
        self.add_option("--amd-gpumode", help="Mode of the GPUs.")

    def modify_jobspec(self, args, jobspec):
        if args.amd_gpumode:
            jobspec.setattr_shell_option("amd-gpumode", args.amd_gpumode)
'''


class Plugins(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.write("mode.py", MODE)
        os.environ["FLUX_CLI_PLUGINPATH_OVERRIDE"] = self.dir.name

    def tearDown(self):
        os.environ.pop("FLUX_CLI_PLUGINPATH_OVERRIDE", None)
        os.environ.pop("FLUX_CLI_PLUGINPATH", None)
        self.dir.cleanup()

    def write(self, name, text):
        with open(os.path.join(self.dir.name, name), "w", encoding="utf-8") as file:
            file.write(text)

    def run_it(self, *args, stdin=""):
        return subprocess.run(("flux",) + args, capture_output=True, text=True, input=stdin,
                              check=False)

    def spec(self, *args, stdin=""):
        done = self.run_it(args[0], "--dry-run", *args[1:], stdin=stdin)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def refused(self, *args):
        done = self.run_it(*args)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        return done.stderr.strip()

    # The commands.

    def test_help(self):
        for prog in ("submit", "run", "bulksubmit", "alloc", "batch"):
            text = self.run_it(prog, "--help").stdout
            _, _, ours = text.partition("Options provided by plugins:\n")
            self.assertIn("--site-mode={fast,safe}", ours, prog)
            self.assertEqual("--site-seen=WORD" in ours, prog == "batch")
        self.assertNotIn("plugins", self.run_it("jobs", "--help").stdout)

    def test_submit(self):
        spec = self.spec("submit", "--site-mode=fast", "-n4", "echo", "-x")
        self.assertEqual(spec["attributes"]["user"],
                         {"mode": "fast", "level": 1, "command": ["echo", "-x"]})
        spec = self.spec("submit", "--site-level", "true")
        self.assertEqual(spec["attributes"]["user"]["level"], 3)
        spec = self.spec("run", "--site-level=9", "true")
        self.assertEqual(spec["attributes"]["user"]["level"], 9)

    def test_options_that_plugins_change(self):
        spec = self.spec("submit", "--site-twice", "-N2", "-n8", "--setopt=a=b", "-oc", "-t5m",
                         "--env=-*", "--env=X=Y Z", "-x", "true")
        self.assertEqual(spec["resources"][0]["count"], 4)
        self.assertTrue(spec["resources"][0]["exclusive"])
        system = spec["attributes"]["system"]
        self.assertEqual((system["duration"], system["environment"]), (300, {"X": "Y Z"}))
        options = system["shell"]["options"]
        self.assertEqual((options["a"], options["c"]), ("b", 1))

    def test_a_job(self):
        done = self.run_it("submit", "--site-mode=safe", "--wait", "--cc=1-3", "true")
        self.assertEqual((done.returncode, len(done.stdout.split())), (0, 3))
        with flux.Flux() as h:
            found = flux.job.job_kvs_lookup(h, done.stdout.split()[2])
        self.assertEqual(found["jobspec"]["attributes"]["user"]["mode"], "safe")
        done = self.run_it("run", "--site-mode=safe", "echo", "hello")
        self.assertEqual((done.returncode, done.stdout), (0, "hello\n"))

    def test_batch(self):
        script = "#!/bin/sh\n#flux: -n1 --site-mode=fast\n#flux: --site-seen=a\ntrue\n"
        spec = self.spec("batch", "--site-seen=b", stdin=script)
        self.assertEqual(spec["attributes"]["user"],
                         {"mode": "fast", "level": 1, "command": [], "seen": ["a", "b"]})
        spec = self.spec("alloc", "-N1", "--site-twice", "--conf=a.b=1", "--broker-opts=-v")
        self.assertEqual(spec["resources"][0]["count"], 2)
        self.assertIn("-v", spec["tasks"][0]["command"])

    def test_bulksubmit(self):
        done = self.run_it("bulksubmit", "--wait", "--site-mode={}", "echo", "{}", ":::", "fast",
                           "safe")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with flux.Flux() as h:
            modes = [flux.job.job_kvs_lookup(h, i)["jobspec"]["attributes"]["user"]["mode"]
                     for i in done.stdout.split()]
        self.assertEqual(modes, ["fast", "safe"])
        done = self.run_it("bulksubmit", "--dry-run", "--site-mode", "{}", "echo", "{}", ":::", "fast")
        self.assertEqual(done.stdout, "bulksubmit: submit --site-mode=fast echo fast\n")

    def test_refusals(self):
        self.assertEqual(self.refused("submit", "--site-mode=fast", "-q", "slow", "true"),
                         "flux-submit: ERROR: plugins: Mode: nothing is fast in queue slow")
        self.assertIn("argument --site-mode: invalid choice: 'x'",
                      self.refused("submit", "--site-mode=x", "true"))
        done = self.run_it("submit", "--site-nosuch", "true")
        self.assertEqual(done.returncode, 2)
        self.assertIn("unrecognized option '--site-nosuch'", done.stderr)

    def test_plugins_that_are_wrong(self):
        path = os.path.join(self.dir.name, "wrong.py")
        head = "from flux.cli.plugin import CLIPlugin\n\n\nclass Wrong(CLIPlugin):\n"
        new = head + "    def __init__(self, prog):\n        super().__init__(prog, prefix=None)\n"
        for text, why in (
            ("import nosuch\n", f"plugins: {path}: ModuleNotFoundError: No module named 'nosuch'"),
            (new + "        self.add_option('mode')\n", f"plugins: {path}: mode: the option"),
            (new + "        self.add_option('--nodes')\n", "--nodes: --nodes is an option already"),
            (new + "        self.add_option('--site-mode')\n", "--site-mode is an option already"),
            (new + "        self.add_option('--a', nargs=2)\n", "one argument at most"),
            (head + "    def preinit(self, args):\n        args.nodes = 'many'\n",
             "--nodes=many: not a whole number"),
            (head + "    def modify_jobspec(self, args, jobspec):\n        1 / 0\n",
             "plugins: Wrong: ZeroDivisionError: division by zero"),
            (head + "    def preinit(self, args):\n        import os\n        os._exit(3)\n",
             "plugins: their process has ended"),
        ):
            self.write("wrong.py", text)
            self.assertIn(why, self.refused("submit", "true"))

    def test_the_path(self):
        with tempfile.TemporaryDirectory() as other:
            with open(f"{other}/mode.py", "w", encoding="utf-8") as file:
                file.write(PLAIN)
            with open(f"{other}/_hidden.py", "w", encoding="utf-8") as file:
                file.write("import nosuch\n")
            del os.environ["FLUX_CLI_PLUGINPATH_OVERRIDE"]
            os.environ["FLUX_CLI_PLUGINPATH"] = f"{other}:{self.dir.name}:/nosuch"
            # The first of a name is taken.
            self.assertEqual([o.name for o in CLIPluginRegistry("submit").options],
                             ["--amd-gpumode"])
            spec = self.spec("submit", "--amd-gpumode=TPX", "true")
            options = spec["attributes"]["system"]["shell"]["options"]
            self.assertEqual(options["amd-gpumode"], "TPX")
            os.environ["FLUX_CLI_PLUGINPATH_OVERRIDE"] = ""
            self.assertEqual(CLIPluginRegistry("submit").options, [])
            self.assertEqual(self.run_it("submit", "--amd-gpumode=TPX", "true").returncode, 2)

    # From Python.

    def test_registry(self):
        registry = CLIPluginRegistry("batch")
        self.assertEqual({o.name: o.dest for o in registry.options},
                         {"--site-mode": "site_mode", "--site-twice": "site_twice",
                          "--site-level": "site_level", "--site-seen": "site_seen"})
        plugin = registry.plugins[0]
        self.assertIsInstance(plugin, CLIPlugin)
        self.assertEqual((plugin.prog, plugin.prefix, plugin.version), ("batch", "site", "1.0"))
        with self.assertRaisesRegex(ValueError, "--site-mode is an option already"):
            registry.add_plugin(type(plugin)("batch"))

    def test_from_python(self):
        self.write("plain.py", PLAIN)
        spec = JobspecV1.from_submit(["myapp"], ntasks=8, amd_gpumode="TPX", site_mode="fast")
        self.assertEqual(spec.getattr_shell_option("amd-gpumode"), "TPX")
        self.assertEqual(spec.getattr("user.mode"), "fast")
        spec = JobspecV1.from_command(["myapp"], num_tasks=2)
        self.assertIs(spec.apply_options(prog="submit", amd_gpumode="TPX"), spec)
        self.assertEqual(spec.getattr_shell_option("amd-gpumode"), "TPX")
        self.assertEqual(spec.getattr("user.level"), 1)
        with self.assertRaisesRegex(ValueError, "invalid choice"):
            spec.apply_options(prog="submit", site_mode="x")
        with self.assertRaisesRegex(ValueError, "nothing is fast in queue slow"):
            spec.apply_options(prog="submit", site_mode="fast", queue="slow")
        with self.assertRaisesRegex(ValueError, "unrecognized option"):
            spec.apply_options(site_mode="fast")


class Options(unittest.TestCase):
    def test_options(self):
        spec = JobspecV1.from_command(["hostname"], environment={"A": "1"}, rlimits={})
        spec.apply_options(
            shell_options={"verbose": 1, "text": "5", "deep": {"a": [1]}},
            attributes={"system.queue": "batch", ".user.comment": "my job"},
            time_limit="2h", dependency=["afterok:f1"], label_io=True, output="f",
        )
        self.assertEqual([spec.getattr_shell_option(k) for k in ("verbose", "text", "deep")],
                         [1, "5", {"a": [1]}])
        self.assertEqual((spec.queue, spec.getattr("user.comment")), ("batch", "my job"))
        self.assertEqual((spec.duration, spec.label_io, spec.environment), (7200, True, {"A": "1"}))
        self.assertEqual(spec.getattr_shell_option("rlimit"), {})
        spec.apply_options(dependency=["afterany:f2"], time_limit=0)
        self.assertEqual([d["scheme"] for d in spec.getattr("system.dependencies")],
                         ["afterok", "afterany"])
        self.assertEqual((spec.duration, spec.queue), (0, "batch"))

    def test_environment(self):
        spec = JobspecV1.from_command(["hostname"], environment={"A": "1"}, rlimits={})
        os.environ["IMPORTANT_VAR"] = "x"
        try:
            spec.apply_options(env=["-*", "MY_RANK={{rank}}", "IMPORTANT_VAR"],
                               rlimit=["-*", "nofile=1000"])
            self.assertEqual(spec.environment, {"IMPORTANT_VAR": "x"})
            self.assertEqual(spec.getattr_shell_option("env-expand"), {"MY_RANK": "{{rank}}"})
            self.assertEqual(spec.getattr_shell_option("rlimit"), {"nofile": 1000})
            spec.apply_options(env=["*"])
            self.assertEqual(spec.environment["PATH"], os.environ["PATH"])
        finally:
            del os.environ["IMPORTANT_VAR"]

    def test_a_namespace(self):
        spec = JobspecV1.from_command(["hostname"])
        spec.apply_options(argparse.Namespace(queue="debug", error=None, unbuffered=False),
                           job_name="n")
        self.assertEqual((spec.queue, spec.getattr("system.job.name")), ("debug", "n"))
        self.assertIsNone(spec.stdout)

    def test_what_belongs_to_constructors(self):
        spec = JobspecV1.from_command(["hostname"])
        for key in ("nodes", "ntasks", "conf", "resources_shape"):
            with self.assertRaisesRegex(ValueError, f"{key}: belongs to the constructor"):
                spec.apply_options(**{key: 2})
        with self.assertRaisesRegex(ValueError, "nosuch"):
            spec.apply_options(nosuch=2)

    def test_commands(self):
        spec = JobspecV1.from_submit(
            ["myapp", "--input", "data.h5"], ntasks=16, cores_per_task=4, time_limit="2h",
            dependency=["afterok:f1234abcd"], shell_options={"verbose": 1},
            attributes={"system.queue": "gpu"},
        )
        self.assertEqual(spec.resource_counts(), {"slot": 16, "core": 64})
        self.assertEqual((spec.queue, spec.duration), ("gpu", 7200))
        spec = JobspecV1.from_alloc(nodes=4, time_limit="1h",
                                    conf={"resource": {"noverify": True}})
        files = spec.attributes["system"]["files"]
        self.assertEqual(json.loads(files["conf.json"]["data"]), {"resource": {"noverify": True}})
        spec = JobspecV1.from_batch(content="#!/bin/bash\nflux run -n8 myapp\n", nslots=8,
                                    time_limit="30m", output="job-{{id}}.out")
        self.assertEqual((spec.duration, spec.output), (1800, "job-{{id}}.out"))
        for args in ((), ("x.sh", None, "#!/bin/sh\n")):
            with self.assertRaisesRegex(ValueError, "script or content is needed"):
                JobspecV1.from_batch(*args)


if __name__ == "__main__":
    sys.exit(unittest.main())
