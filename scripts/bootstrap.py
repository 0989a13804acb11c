"""Creates the virtual environment and installs the locked packages, or prints in one sentence why it cannot.

`make setup` runs it with the machine's Python. It uses the standard library only, and is written so that Python 3.6
can read it, because an unsuitable Python should hear what to do instead of printing a syntax error.
"""

import argparse
import ctypes
import fcntl
import os
import platform
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, List, Optional, Tuple

ROOT = Path(__file__).resolve().parent.parent
OLDEST, TOO_NEW = (3, 8), (3, 12)
EXTRAS = {"install-dev": "dev", "install-export": "export"}  # steps, and the lock files that they install
COMPILERS = ("g++", "make")
HOROVOD = {
    "HOROVOD_WITH_MXNET": "1",
    "HOROVOD_WITHOUT_PYTORCH": "1",
    "HOROVOD_WITHOUT_TENSORFLOW": "1",
    "HOROVOD_WITH_GLOO": "1",
    "HOROVOD_WITHOUT_MPI": "1",
    "HOROVOD_CPU_OPERATIONS": "GLOO",
}


class Refusal(Exception):
    """This machine or environment cannot run the program: the message is one sentence with the remedy."""


def check_python(version: Tuple[int, ...]) -> None:
    """Refuse a Python for which MXNet 1.9.1 and the numpy it needs have no wheels."""
    if not OLDEST <= version[:2] < TOO_NEW:
        raise Refusal(
            f"Python {version[0]}.{version[1]} cannot run MXNet 1.9.1: install Python 3.11 (or 3.8 to 3.10), "
            "for example with `apt-get install python3.11 python3.11-venv` or `pyenv install 3.11`, and run "
            "`make setup PYTHON=/path/to/python3.11`."
        )


def check_platform(system: str, machine: str) -> None:
    """Refuse a machine for which MXNet 1.9.1 has no wheel."""
    if (system, machine) != ("Linux", "x86_64"):
        raise Refusal(f"MXNet 1.9.1 has no wheel for {system} on {machine}: use Linux on x86-64, or a container of it.")


def loads(library: str, load: Callable[[str], object] = ctypes.CDLL) -> bool:
    """Whether the dynamic loader finds `library` on this machine."""
    try:
        load(library)
    except OSError:
        return False
    return True


def check_gomp(load: Callable[[str], object] = ctypes.CDLL) -> None:
    """Refuse a machine without GNU OpenMP, which MXNet's wheel does not carry."""
    if not loads("libgomp.so.1", load):
        raise Refusal("libgomp.so.1, which MXNet needs, is missing: install it with `apt-get install libgomp1`.")


def check_driver(load: Callable[[str], object] = ctypes.CDLL) -> None:
    """Refuse the CUDA wheel on a machine where it could not even be imported."""
    if not loads("libcuda.so.1", load):
        raise Refusal(
            "libcuda.so.1, which belongs to the NVIDIA driver, is missing: install driver 450 or later, or use MXNet "
            "for the CPU with `make setup CUDA=0`."
        )


def provide_quadmath(site_packages: Path, load: Callable[[str], object] = ctypes.CDLL) -> None:
    """Where the machine has no libquadmath, link numpy's copy into mxnet/, the folder MXNet searches first."""
    link = site_packages / "mxnet" / "libquadmath.so.0"
    if loads(link.name, load) or link.exists():
        return
    copies = sorted((site_packages / "numpy.libs").glob("libquadmath-*.so*"))
    if not copies:
        raise Refusal("libquadmath.so.0, which MXNet needs, is missing: `apt-get install libquadmath0` installs it.")
    link.symlink_to(Path("..") / "numpy.libs" / copies[0].name)
    print(f"The machine has no libquadmath.so.0: MXNet will use numpy's copy, {copies[0].name}.")


def supported_version(python: Path) -> Optional[str]:
    """The version of an environment's Python, or None when it is not there, broken, without pip or unsupported."""
    query = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    try:
        version = subprocess.check_output([str(python), "-c", query], stderr=subprocess.DEVNULL).decode().strip()
        check_python(tuple(int(part) for part in version.split(".")))
    except (OSError, subprocess.CalledProcessError, Refusal):
        return None
    return version


def create_environment(venv: Path) -> Path:
    """Create `venv` unless it is there and usable; return its site-packages folder."""
    python = venv / "bin" / "python"
    version = supported_version(python)
    if version is None:
        print(f"Creating {venv} with {sys.executable} (Python {platform.python_version()}).", flush=True)
        if subprocess.call([sys.executable, "-m", "venv", "--clear", str(venv)]):
            raise Refusal(
                f"{sys.executable} could not create the virtual environment {venv}: read its message above (Debian and "
                "Ubuntu need `apt-get install python3-venv`), then run `make setup` again."
            )
        version = supported_version(python)
    else:
        print(f"Using {venv} (Python {version}); remove it to start afresh.", flush=True)
    return venv / "lib" / f"python{version}" / "site-packages"


def pip(venv: Path, *arguments: str, **variables: str) -> None:
    """Run the environment's pip in the project's folder; pip's own messages go to the terminal."""
    command = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", *arguments]
    if subprocess.call(command, cwd=str(ROOT), env={**os.environ, **variables}):
        raise Refusal(
            f"pip could not {arguments[0]} the locked packages: read its message above, check the network or the "
            "proxy, and run `make setup` again."
        )


def locks(*names: str) -> List[str]:
    """The pip options that name lock files of the folder requirements/."""
    return [word for name in names for word in ("-r", f"requirements/{name}.txt")]


def install(venv: Path, mxnet: str) -> None:
    """Install the project with MXNet for `mxnet`, "cpu" or "cuda", and take the other MXNet away."""
    site_packages = create_environment(venv)
    ready, other = venv / f"ready-{mxnet}", "cuda" if mxnet == "cpu" else "cpu"
    for stamp in (*venv.glob("ready-c*"), *venv.glob("ready-horovod")):
        stamp.unlink()
    # Both wheels fill the folder mxnet/: removing one breaks the other, so a change of mind removes both.
    if list(site_packages.glob("mxnet-*.dist-info" if other == "cpu" else "mxnet_cu112-*.dist-info")):
        pip(venv, "uninstall", "--yes", *locks("cpu", "cuda"))
    # pip would take longer over compiling all of it than over the download; `prove` has what is used compiled.
    pip(venv, "install", "--no-deps", "--no-compile", *locks(mxnet, "runtime"))
    provide_quadmath(site_packages)
    with compiling(venv):
        pip(venv, "install", "--no-deps", "--quiet", "--editable", ".")
        prove(venv)
    ready.touch()


def prove(venv: Path) -> None:
    """Import the packages that the program needs: this proves that the set-up works, and compiles them all."""
    query = "import integral_pose.commands.table, mxnet, gluoncv; print('MXNet', mxnet.__version__, 'is ready.')"
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [str(venv / "bin" / "python"), "-c", query]
    run = subprocess.run(command, cwd=str(ROOT), env=settings, stderr=subprocess.PIPE)
    if run.returncode:
        reason = run.stderr.decode().strip().splitlines()[-1]
        raise Refusal(f"The packages are there but cannot be loaded ({reason}): remove {venv} and run `make setup` "
                      "again.")


@contextmanager
def compiling(venv: Path) -> Iterator[None]:
    """Compile the program's C++ code in the meantime, if there is a compiler; the program works without it."""
    command = [str(venv / "bin" / "python"), "-m", "scripts.compile"]
    with subprocess.Popen(command, cwd=str(ROOT), env={**os.environ, "PYTHONPATH": "src"}):
        yield


def install_extra(venv: Path, name: str) -> None:
    """Add what only some users need: "dev" for the tests and checks, "export" for ONNX."""
    # Of these packages too, pip would compile far more than is used: it takes two thirds of the time.
    pip(venv, "install", "--no-deps", "--no-compile", *locks(name))
    (venv / f"ready-{name}").touch()


def check_compiler(find: Callable[[str], Optional[str]] = shutil.which) -> None:
    """Refuse to build Horovod without a compiler."""
    missing = [program for program in COMPILERS if not find(program)]
    if missing:
        raise Refusal(
            f"{' and '.join(missing)}, which Horovod is compiled with, cannot be found: `apt-get install g++ make` "
            "installs both, and one machine with one or more GPUs does without Horovod."
        )


def check_toolkit(find: Callable[[str], Optional[str]] = shutil.which) -> None:
    """Refuse to build Horovod against MXNet for GPUs where CUDA's headers are not; pip's wheels have none."""
    if not os.environ.get("HOROVOD_CUDA_HOME") and not find("nvcc"):
        raise Refusal(
            "nvcc cannot be found, so CUDA's headers, which Horovod is compiled with for GPUs, may be missing too: "
            "install the CUDA toolkit 11.2 and put its bin/ into PATH or name its folder in HOROVOD_CUDA_HOME."
        )


def install_horovod(venv: Path) -> None:
    """Build Horovod against the MXNet of the environment, by the CMake there; it takes three minutes of one core."""
    check_compiler()
    if (venv / "ready-cuda").exists():
        check_toolkit()
    pip(venv, "install", "--no-deps", *locks("horovod-build"))
    programs = os.pathsep.join([str((venv / "bin").resolve()), os.environ.get("PATH", os.defpath)])
    # A wheel that pip kept from another environment may have been built against the other MXNet.
    fresh = ("--no-cache-dir", "--force-reinstall", "--no-build-isolation")
    pip(venv, "install", "--no-deps", *fresh, *locks("horovod"), PATH=programs, **HOROVOD)
    (venv / "ready-horovod").touch()


def check_environment(venv: Path) -> None:
    """The quick look before every run: what a finished set-up may have lost since."""
    site_packages = next((venv / "lib").glob("python3.*/site-packages"))
    check_gomp()
    if (venv / "ready-cuda").exists():
        check_driver()
    provide_quadmath(site_packages)


def parse(arguments: List[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("step", choices=("install", *EXTRAS, "install-horovod", "check"))
    parser.add_argument("--venv", type=Path, default=Path(".venv"), help="folder of the environment")
    parser.add_argument("--mxnet", choices=("cpu", "cuda"), default="cpu", help="which wheel of MXNet to install")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Take the step the options name."""
    if options.step == "check":
        check_environment(options.venv)
        return
    check_platform(platform.system(), platform.machine())
    check_gomp()
    if options.step == "install" and options.mxnet == "cuda":
        check_driver()
    # Two shells may run make at once: the second waits here until the first is done.
    with open(__file__) as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if options.step == "install":
            install(options.venv, options.mxnet)
        elif options.step in EXTRAS:
            install_extra(options.venv, EXTRAS[options.step])
        else:
            install_horovod(options.venv)


def main(arguments: Optional[List[str]] = None) -> int:
    """Exit status 0, or 2 with one sentence on standard error."""
    try:
        check_python(sys.version_info[:2])
        run(parse(sys.argv[1:] if arguments is None else arguments))
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
