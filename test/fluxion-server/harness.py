"""Start a fluxion server on a free port, and talk to it; TAP output."""

import os
import subprocess
import sys
import traceback

import grpc

BUILD = os.environ["FLUX_BUILD_DIR"]
SOURCE = os.environ["FLUX_SOURCE_DIR"]
EXAMPLES = os.path.join(SOURCE, "examples", "fluxion")
sys.path.insert(0, os.environ["FLUXION_PB2"])
import fluxion_pb2 as pb  # noqa: E402


class Server:
    def __init__(self, *options):
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "src", "fluxion-server", "fluxion")]
            + ["--host=127.0.0.1", "--port=0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.greeting = [self.process.stdout.readline().rstrip("\n") for _ in range(2)]
        self.port = int(self.greeting[1].rsplit(":", 1)[1])
        self.address = f"127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.stop()

    def stop(self):
        if self.process.returncode is None:
            self.process.terminate()
            self.output, self.errors = self.process.communicate(timeout=60)
        return self.process.returncode


class Client:
    def __init__(self, address, timeout=30, credentials=None):
        if credentials:
            self.channel = grpc.secure_channel(address, credentials)
        else:
            self.channel = grpc.insecure_channel(address)
        self.timeout = timeout
        self.stubs = {}

    def call(self, method, request, response, timeout=None):
        if method not in self.stubs:
            self.stubs[method] = self.channel.unary_unary(
                "/fluxion.FluxionService/" + method,
                request_serializer=lambda m: m.SerializeToString(),
                response_deserializer=response.FromString,
            )
        return self.stubs[method](request, timeout=timeout or self.timeout)

    def init(self, jgf, policy=""):
        return self.call("Init", pb.InitRequest(jgf=jgf, policy=policy), pb.InitResponse)

    def match(self, jobspec, reservation=False):
        request = pb.MatchRequest(
            jobspec=jobspec, request="allocate", reservation=reservation
        )
        return self.call("Match", request, pb.MatchResponse)

    def cancel(self, jobid):
        return self.call("Cancel", pb.CancelRequest(jobID=jobid), pb.CancelResponse)


def read(name):
    with open(os.path.join(EXAMPLES, name), encoding="utf-8") as f:
        return f.read()


def refused(function, *args, code=grpc.StatusCode.UNKNOWN, text=""):
    """The details of a call that has to fail with this code and text."""
    try:
        function(*args)
    except grpc.RpcError as e:
        assert e.code() == code, (e.code(), e.details())
        assert text in e.details(), e.details()
        return e.details()
    raise AssertionError("the call was not refused")


def run(tests):
    """Run functions as TAP; the exit status tells if all passed."""
    failed = 0
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__doc__}", flush=True)
        except Exception:  # a test may fail in any way
            failed += 1
            print(f"not ok {number} - {test.__doc__}")
            print("\n".join("# " + x for x in traceback.format_exc().split("\n")))
    sys.exit(1 if failed else 0)
