"""Validate jobs: flux job-validator [--plugins=LIST] [--list-plugins] [OPTIONS].

Reads one JSON object for each line: {"jobspec": {}, "userid": N, "urgency": N, "flags": N};
answers each with a line {"errnum": 0}, or {"errnum": N, "errstr": text}.
"""
import sys

from flux.job.validator.validator import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
