"""Validators of jobs; run in an instance."""
import errno
import json
import os
import subprocess
import sys
import tempfile
import unittest

from flux.job import JobspecV1
from flux.job.validator import JobValidator, ValidatorJobInfo, ValidatorResult

PLUGIN = """
import errno
from flux.job.validator import ValidatorPlugin

class Validator(ValidatorPlugin):
    def __init__(self, parser):
        super().__init__(parser)
        parser.add_argument("--most", type=int, default=16)

    def configure(self, args):
        self.most = args.most

    def validate(self, job):
        if job.urgency == 7:
            raise RuntimeError("seven")
        if job.urgency == 8:
            raise PermissionError(errno.EPERM, "eight")
        if job.urgency > self.most:
            return errno.EPERM, f"of {self.flux.get_size()} brokers none is so urgent"
"""


def job(urgency=16, spec=None, **kwargs):
    spec = spec or JobspecV1.from_command(["true"], environment={}, **kwargs)
    return {"jobspec": json.loads(spec.dumps()), "userid": 1, "flags": 0, "urgency": urgency}


class Validators(unittest.TestCase):
    def start(self, *argv, **kwargs):
        validator = JobValidator(argv, **kwargs).start()
        self.addCleanup(validator.stop)
        return validator

    def test_jobspec(self):
        validator = self.start()
        self.assertTrue(validator.validate(job()).success)
        bad = job()
        bad["jobspec"]["resources"][0]["count"] = 0
        result = validator.validate(bad)
        self.assertEqual((result.success, result.errnum), (False, errno.EINVAL))
        validator = self.start("--require-version=2")
        self.assertIn("version", validator.validate(job()).errmsg)
        with self.assertRaises(ValueError):
            self.start("--require-version=x")

    def test_require_instance(self):
        nest = JobspecV1.from_nest_command([], environment={})
        for argv, given, good in (
            ([], job(), False),
            ([], job(spec=nest), True),
            (["--require-instance-mincores=4"], job(), True),
            (["--require-instance-mincores=4"], job(num_tasks=4), False),
            (["--require-instance-minnodes=2"], job(num_tasks=4), True),
            (["--require-instance-minnodes=2"], job(num_tasks=2, num_nodes=2), False),
            (["--require-instance-minnodes=2", "--require-instance-mincores=3"],
             job(num_tasks=3), False),
        ):
            validator = self.start("--plugins=jobspec,require-instance", *argv)
            self.assertEqual(validator.validate(given).success, good, (argv, good))

    def test_plugins(self):
        with tempfile.TemporaryDirectory() as path:
            with open(os.path.join(path, "mine.py"), "w", encoding="utf-8") as file:
                file.write(PLUGIN)
            validator = self.start("--plugins=mine,jobspec", "--most=20", pluginpath=[path])
            self.assertTrue(validator.validate(ValidatorJobInfo(job(20))).success)
            for urgency, errnum, text in ((21, errno.EPERM, "of 2 brokers"),
                                          (7, errno.EINVAL, "RuntimeError: seven"),
                                          (8, errno.EPERM, "eight")):
                result = validator.validate(job(urgency))
                self.assertEqual(result.errnum, errnum)
                self.assertIn(text, result.errmsg)
        with self.assertRaisesRegex(ValueError, "nosuch"):
            self.start("--plugins=nosuch")
        with self.assertRaisesRegex(ValueError, "urgency"):
            ValidatorJobInfo({"jobspec": {}, "userid": 1, "flags": 0})
        with self.assertRaises(RuntimeError):
            JobValidator([]).validate(job())

    def test_program(self):
        lines = [json.dumps(job()), "{", json.dumps({"jobspec": {}})]
        done = subprocess.run([sys.executable, "-X", "dev", "-m", "flux.job.validator"],
                              input="\n".join(lines) + "\n",
                              capture_output=True, text=True, check=True)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([a["errnum"] for a in answers], [0, errno.EINVAL, errno.EINVAL])
        self.assertEqual(str(ValidatorResult()), '{"errnum": 0}')
        done = subprocess.run([sys.executable, "-m", "flux.job.validator", "--plugins=x"],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1))


if __name__ == "__main__":
    sys.exit(unittest.main())
