"""Set-up: what is refused and how, what the lock files hold, which settings a process starts with."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Dict, List, Optional, Set, Tuple

import pytest

from integral_pose import runtime
from scripts import bootstrap

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"


def absent(library: str) -> object:
    raise OSError(f"{library}: cannot open shared object file")


def present(library: str) -> object:
    return object()


def environment(folder: Path, *distributions: str) -> Path:
    """A virtual environment in name only, with these distributions installed."""
    site_packages = folder / "lib" / "python3.11" / "site-packages"
    for distribution in distributions:
        (site_packages / f"{distribution}.dist-info").mkdir(parents=True)
    return site_packages


def assert_one_sentence(message: str, remedy: str) -> None:
    assert remedy in message
    assert message.endswith(".")
    assert "\n" not in message
    assert not re.search(r"\.\s+[A-Z]", message)


@pytest.mark.parametrize("version", [(2, 7), (3, 7), (3, 12), (3, 13), (4, 0)])
def test_other_pythons_are_refused(version: Tuple[int, int]) -> None:
    with pytest.raises(bootstrap.Refusal, match=f"^Python {version[0]}.{version[1]} cannot") as refused:
        bootstrap.check_python(version)
    assert_one_sentence(str(refused.value), remedy="make setup PYTHON=")


@pytest.mark.parametrize("version", [(3, 8), (3, 9), (3, 10), (3, 11)])
def test_python_38_to_311_are_taken(version: Tuple[int, int]) -> None:
    bootstrap.check_python(version)


@pytest.mark.parametrize("machine", [("Darwin", "x86_64"), ("Linux", "aarch64")])
def test_machines_without_a_wheel_are_refused(machine: Tuple[str, str]) -> None:
    with pytest.raises(bootstrap.Refusal) as refused:
        bootstrap.check_platform(*machine)
    assert_one_sentence(str(refused.value), remedy="Linux on x86-64")


def test_a_missing_libgomp_is_refused() -> None:
    bootstrap.check_gomp(load=present)
    with pytest.raises(bootstrap.Refusal) as refused:
        bootstrap.check_gomp(load=absent)
    assert_one_sentence(str(refused.value), remedy="apt-get install libgomp1")


def test_the_cuda_wheel_without_a_driver_is_refused() -> None:
    bootstrap.check_driver(load=present)
    with pytest.raises(bootstrap.Refusal) as refused:
        bootstrap.check_driver(load=absent)
    assert_one_sentence(str(refused.value), remedy="make setup CUDA=0")


def test_a_missing_libquadmath_is_taken_from_numpys_wheel(tmp_path: Path) -> None:
    for name in ("mxnet/libmxnet.so", "numpy.libs/libquadmath-96973f99.so.0.0.0"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(name)
    bootstrap.provide_quadmath(tmp_path, load=absent)
    bootstrap.provide_quadmath(tmp_path, load=absent)
    assert (tmp_path / "mxnet/libquadmath.so.0").read_text() == "numpy.libs/libquadmath-96973f99.so.0.0.0"


def test_a_libquadmath_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    bootstrap.provide_quadmath(tmp_path, load=present)
    with pytest.raises(bootstrap.Refusal) as refused:
        bootstrap.provide_quadmath(tmp_path, load=absent)
    assert_one_sentence(str(refused.value), remedy="apt-get install libquadmath0")


def test_a_refusal_is_printed_without_a_traceback(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "bootstrap.py"), "install-horovod", "--venv", str(tmp_path)]
    refused = subprocess.run(command, stderr=subprocess.PIPE, text=True, env={"PATH": str(tmp_path)})
    assert refused.returncode == 2
    assert_one_sentence(refused.stderr.strip(), remedy="apt-get install g++ make")


@pytest.fixture
def pip_calls(monkeypatch: pytest.MonkeyPatch) -> List[List[str]]:
    """Records what bootstrap would have pip do; nothing is installed."""
    calls: List[List[str]] = []

    def record(command: List[str], cwd: str, env: Dict[str, str]) -> int:
        calls.append(command[command.index("pip") + 2 :])
        return 0

    monkeypatch.setattr(bootstrap.subprocess, "call", record)
    monkeypatch.setattr(bootstrap, "supported_version", lambda python: "3.11")
    monkeypatch.setattr(bootstrap, "prove", lambda venv: None)
    monkeypatch.setattr(bootstrap, "compiling", lambda venv: nullcontext())
    monkeypatch.setattr(bootstrap, "loads", lambda library, load: True)
    return calls


@pytest.mark.parametrize("installed, wanted", [("mxnet-1.9.1", "cuda"), ("mxnet_cu112-1.9.1", "cpu")])
def test_changing_the_mxnet_wheel_removes_both_first(
    tmp_path: Path, pip_calls: List[List[str]], installed: str, wanted: str
) -> None:
    environment(tmp_path, installed)
    (tmp_path / "ready-cpu").touch()
    (tmp_path / "ready-cuda").touch()
    bootstrap.install(tmp_path, wanted)
    assert pip_calls[0] == ["uninstall", "--yes", "-r", "requirements/cpu.txt", "-r", "requirements/cuda.txt"]
    assert f"requirements/{wanted}.txt" in pip_calls[1]
    assert [stamp.name for stamp in tmp_path.glob("ready-*")] == [f"ready-{wanted}"]


@pytest.mark.parametrize("installed, wanted", [("mxnet-1.9.1", "cpu"), ("mxnet_cu112-1.9.1", "cuda")])
def test_keeping_the_mxnet_wheel_removes_nothing(
    tmp_path: Path, pip_calls: List[List[str]], installed: str, wanted: str
) -> None:
    environment(tmp_path, installed)
    bootstrap.install(tmp_path, wanted)
    assert {call[0] for call in pip_calls} == {"install"}


def test_horovod_is_built_after_what_it_is_built_with(
    tmp_path: Path, pip_calls: List[List[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "check_compiler", lambda: None)
    bootstrap.install_horovod(tmp_path)
    assert [call[-1] for call in pip_calls] == ["requirements/horovod-build.txt", "requirements/horovod.txt"]
    assert "--no-build-isolation" in pip_calls[1] and (tmp_path / "ready-horovod").exists()
    bootstrap.install(tmp_path, "cpu")
    assert not (tmp_path / "ready-horovod").exists(), "another MXNet needs another build"


def test_horovod_without_a_compiler_is_refused() -> None:
    bootstrap.check_compiler(find=str)
    with pytest.raises(bootstrap.Refusal, match=r"^g\+\+ and make, which") as refused:
        bootstrap.check_compiler(find=lambda program: None)
    assert_one_sentence(str(refused.value), remedy="apt-get install g++ make")


def test_horovod_for_gpus_without_cuda_headers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOROVOD_CUDA_HOME", raising=False)
    bootstrap.check_toolkit(find=str)
    with pytest.raises(bootstrap.Refusal) as refused:
        bootstrap.check_toolkit(find=lambda program: None)
    assert_one_sentence(str(refused.value), remedy="HOROVOD_CUDA_HOME")


def test_workers_of_one_machine_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime.os, "sched_getaffinity", lambda process: range(12))
    for workers, threads in (("1", 12), ("3", 4), ("20", 1)):
        monkeypatch.setenv("HOROVOD_LOCAL_SIZE", workers)
        assert runtime.cores() == threads and runtime.settings()["OMP_NUM_THREADS"] == str(threads)


def test_a_failing_pip_is_told_in_one_sentence_and_leaves_no_stamp(
    tmp_path: Path, pip_calls: List[List[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(tmp_path)
    (tmp_path / "ready-cpu").touch()
    monkeypatch.setattr(bootstrap.subprocess, "call", lambda command, cwd, env: 1)
    with pytest.raises(bootstrap.Refusal) as refused:
        bootstrap.install(tmp_path, "cpu")
    assert_one_sentence(str(refused.value), remedy="run `make setup` again")
    assert list(tmp_path.glob("ready-*")) == []


def pins(lock: Path) -> List[str]:
    """The lines of a lock file that name a distribution."""
    return [line for line in lock.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def names(*locks: str) -> List[str]:
    return [line.split("==")[0].lower() for lock in locks for line in pins(REQUIREMENTS / f"{lock}.txt")]


@pytest.mark.parametrize("lock", sorted(REQUIREMENTS.iterdir()), ids=lambda lock: lock.name)
def test_every_line_of_a_lock_is_an_exact_pin(lock: Path) -> None:
    assert pins(lock)
    for line in pins(lock):
        assert re.fullmatch(r'[A-Za-z0-9-]+==[0-9]+(\.[0-9]+|\.post[0-9]+)*(; python_version < "3\.\d+")?', line)


@pytest.mark.parametrize("mxnet", ["cpu", "cuda"])
def test_an_environment_gets_each_distribution_once_and_one_mxnet(mxnet: str) -> None:
    together = names(mxnet, "runtime", "dev", "horovod-build", "horovod")
    lines = {line for lock in (mxnet, "runtime", "dev", "horovod-build", "horovod")
             for line in pins(REQUIREMENTS / f"{lock}.txt")}
    assert len(lines) == len(set(together))
    assert len({"mxnet", "mxnet-cu112"}.intersection(together)) == 1


def test_the_cuda_lock_has_a_wheel_for_every_library_the_program_loads() -> None:
    folders: Set[str] = {library.split("/")[0] for library in runtime.CUDA_LIBRARIES}
    wheels = {f"nvidia-{folder.replace('_', '-')}-cu11" for folder in folders}
    assert wheels == set(names("cuda")) - {"mxnet-cu112"}


PREPARED = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "MXNET_CUDNN_AUTOTUNE_DEFAULT",
            "OPENBLAS_CORETYPE")


def in_a_new_process(code: str, **variables: str) -> subprocess.CompletedProcess:
    """Run Python code with the variables of PREPARED unset except those given."""
    inherited: Dict[str, str] = {name: value for name, value in os.environ.items() if name not in PREPARED}
    return subprocess.run(
        [sys.executable, "-W", "always", "-c", code],
        env={**inherited, **variables, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
    )


SHOW = f"import os, integral_pose; print(*(os.environ.get(name, 'unset') for name in {PREPARED}))"


def test_importing_the_package_sets_the_threads_and_the_kernels() -> None:
    cores = min(len(os.sched_getaffinity(0)), runtime.MOST_THREADS)
    kernels = "Haswell" if "avx2" in runtime.processor_flags() else "unset"
    assert in_a_new_process(SHOW).stdout.split() == [str(cores), "active", "5000", "0", kernels]


def test_an_empty_variable_counts_as_unset() -> None:
    assert in_a_new_process(SHOW, **dict.fromkeys(PREPARED, "")).stdout == in_a_new_process(SHOW).stdout


def test_what_the_user_set_stays() -> None:
    shown = in_a_new_process(SHOW, **dict(zip(PREPARED, ("3", "active", "7", "2", "Nehalem"))))
    assert shown.stdout.split() == ["3", "active", "7", "2", "Nehalem"]


@pytest.mark.parametrize("flags, kernels", [
    ("fpu sse4_2 avx avx2 fma", "Haswell"),
    ("fpu avx2 fma avx512f avx512dq", "Haswell"),  # else those for AVX-512, with other last bits
    ("fpu sse4_2 avx", None),  # those for AVX2 would crash here
])
def test_every_processor_with_avx2_takes_the_same_kernels(
    flags: str, kernels: Optional[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = tmp_path / "cpuinfo"
    described.write_text(f"processor\t: 0\nvmx flags\t: avx2 fma\nflags\t\t: {flags}\nbugs\t\t: none\n")
    found = runtime.processor_flags(described)
    monkeypatch.setattr(runtime, "processor_flags", lambda: found)
    assert runtime.settings().get("OPENBLAS_CORETYPE") == kernels


def test_a_system_that_does_not_describe_its_processor_is_left_alone(tmp_path: Path) -> None:
    assert runtime.processor_flags(tmp_path / "missing") == set()


def test_importing_the_package_does_not_import_mxnet() -> None:
    heavy = in_a_new_process("import sys, integral_pose; print({'mxnet', 'numpy', 'cv2'} & set(sys.modules))")
    assert heavy.stdout.strip() == "set()"


LATE = """
import sys, types
sys.modules["mxnet"] = types.ModuleType("mxnet")
import integral_pose
integral_pose.prepare()
"""


def test_mxnet_imported_too_early_is_told_once() -> None:
    assert in_a_new_process(LATE).stderr.count("MXNet was imported before integral_pose") == 1


def test_mxnet_imported_early_with_threads_chosen_is_fine() -> None:
    assert in_a_new_process(LATE, OMP_NUM_THREADS="2").stderr == ""


def test_cuda_libraries_are_loaded_in_order_and_a_broken_one_is_left_to_mxnet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvidia = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(runtime.importlib.util, "find_spec", {"nvidia": nvidia}.get)
    loaded: List[str] = []

    def load(path: str, mode: int) -> None:
        loaded.append(str(Path(path).relative_to(tmp_path)))
        if "cufft" in path:
            raise OSError(path)

    monkeypatch.setattr(runtime.ctypes, "CDLL", load)
    runtime.load_cuda_libraries()
    assert tuple(loaded) == runtime.CUDA_LIBRARIES
