"""Make a wheel of the package flux.

    wheel.py BUILD OUTDIR [carry|system]

carry: the libraries that it needs, but those of the C library, are in it. system: it finds
the installed ones.
"""
import base64
import hashlib
import json
import platform
import re
import subprocess
import sys
import zipfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
# Of every system of this kind.
SYSTEM = re.compile(r"(ld-linux.*|lib(c|m|dl|rt|pthread))\.so\.")
TAG = f"cp311-abi3-linux_{platform.machine()}"

# A library that is loaded already is what the next one finds under its name.
PRELOAD = '''"""The extension module of flux, and the libraries that it came with."""
import ctypes
from pathlib import Path

for _name in {names!r}:
    ctypes.CDLL(str(Path(__file__).parent.parent / "flux.libs" / _name), ctypes.RTLD_GLOBAL)
'''

METADATA = """Metadata-Version: 2.1
Name: flux-in-c
Version: {version}
Summary: Flux from Python
License: MIT
Requires-Python: >=3.11
Requires-Dist: cffi>=1.15
"""

WHEEL = "Wheel-Version: 1.0\nGenerator: flux\nRoot-Is-Purelib: false\nTag: {tag}\n"


def needed(file: Path) -> dict[str, Path]:
    """{soname: where} of what a file is linked with, what is needed most first."""
    lines = subprocess.run(["ldd", str(file)], capture_output=True, text=True, check=True)
    found: dict[str, Path] = {}
    for line in lines.stdout.splitlines():
        if "not found" in line:
            sys.exit(f"wheel: {file}: {line.strip()}")
        match = re.match(r"\s*(\S+) => (\S+) \(", line)
        if match and not SYSTEM.match(match[1]):
            found = {match[1]: Path(match[2]), **found}
    return found


def files(build: Path, carry: bool) -> dict[str, bytes]:
    """{name in the wheel: contents}, without the dist-info."""
    out = {}
    package = SOURCE / "src/python/flux"
    for path in sorted([*package.rglob("*.py"), *package.rglob("*.pyi"), package / "py.typed"]):
        out[str(path.relative_to(SOURCE / "src/python"))] = path.read_bytes()
    core = build / "src/python/_flux/_core.abi3.so"
    if not core.exists():
        sys.exit(f"wheel: {core}: not there; build first")
    out["_flux/_core.abi3.so"] = core.read_bytes()
    libs = needed(core) if carry else {}
    out["_flux/__init__.py"] = PRELOAD.format(names=list(libs)).encode() if carry else b""
    for name, path in libs.items():
        out[f"flux.libs/{name}"] = path.read_bytes()
    return out


def version(build: Path) -> str:
    """That of the project."""
    info = build / "meson-info/intro-projectinfo.json"
    return str(json.loads(info.read_text("utf-8"))["version"])


def main(build: Path, outdir: Path, how: str = "carry") -> None:
    """Write the wheel, and print its name."""
    if how not in ("carry", "system"):
        sys.exit(f"wheel: {how}: must be carry or system")
    number = version(build)
    content = files(build, how == "carry")
    info = f"flux_in_c-{number}.dist-info"
    content[f"{info}/METADATA"] = METADATA.format(version=number).encode()
    content[f"{info}/WHEEL"] = WHEEL.format(tag=TAG).encode()
    content[f"{info}/LICENSE"] = (SOURCE / "LICENSE").read_bytes()
    record = []
    for name, data in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record.append(f"{name},sha256={digest},{len(data)}\n")
    record.append(f"{info}/RECORD,,\n")
    content[f"{info}/RECORD"] = "".join(record).encode()
    outdir.mkdir(parents=True, exist_ok=True)
    target = outdir / f"flux_in_c-{number}-{TAG}.whl"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in content.items():
            # The same contents make the same file.
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = (0o755 if ".so" in name else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, data)
    print(target)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
