## make demo            shows predictions of two pretrained networks for rendered images, in seconds
## make table1          sets everything up on first use, trains what is missing, prints Table 1 beside the paper's
## make table1 … table12, figure2
##                      the same for any other table or figure
## make table6_stages   the effect of each stage of COCO's evaluation
## make beyond          what the paper leaves open: beyond_decoders, beyond_hand_over, beyond_bias, beyond_regularisers,
##                      beyond_grid and beyond_descendants
## make tables          all tables of the paper; a run that several need is trained once
## make smoke           all tables with two training steps on a handful of images, as a check
## make report          RESULTS.md and one HTML page, results/report/index.html, from what is in results/; PROFILE=smoke
##                      and PROFILE=paper have pages of their own, in results/report/PROFILE/
## make test            the test suite; COVERAGE=1 demands that 98 % of the lines of src/ and symbols/ are covered, which
##                      .ci/run does
## make test-horovod    tests several workers on this machine; builds Horovod on first use
## make check           ruff, mypy and the order of the layers
## make api             pages for all public functions and classes, in build/api/
## make bench           compares time and memory with other libraries: results/bench.csv and a figure
## make setup           only sets up .venv with the packages of requirements/
##
## Variables, all optional:
##   PROFILE=quick      smoke, quick (synthetic people, a laptop), photos (photographs, a laptop) or paper (the paper's
##                      data and networks, GPUs)
##   DATA=/data         folder of the data sets
##   GPUS=0,1,2,3       GPUs to train on
##   ROWS="H1 I1"       only these rows of the table
##   SEEDS=3            seeds per row
##   SET="batch=64 rate=5e-4"  changes fields of every run; such runs and CSV files are kept apart
##   STATUS=1           trains nothing: shows what is trained, what is missing, and how long the rest takes
##   RESULTS=results    folder of the CSV files and figures
##   EXPORT=1           with `setup`: also the packages for the export to ONNX
##   CUDA=1             MXNet for NVIDIA GPUs; CUDA=0 switches back to the CPU. The choice is remembered
##   HOROVOD=1          with `setup`: also Horovod, for several machines (docs/scaling.md)
##   AMP=1              float16 on the GPUs
##   RIVALS=/env/bin/python  Python of an environment with requirements/rivals.txt, for make bench
##   TESTERS=2          processes that run the tests side by side, each with one thread
##   PYTHON=python3.10  the Python (3.8 to 3.11) for .venv
.PHONY: help
help:
	@sed -n 's/^## \{0,1\}//p' Makefile

# ---------------------------------------------------------------- set-up
VENV := .venv
CUDA ?= $(if $(wildcard $(VENV)/ready-cuda),1,0)
MXNET := $(or $(if $(filter 0,$(CUDA)),cpu),$(if $(filter 1,$(CUDA)),cuda),$(error CUDA=$(CUDA) is neither 0 nor 1))
READY := $(VENV)/ready-$(MXNET)
PYTHONS := $(or $(PYTHON),python3.11 python3.10 python3.9 python3.8 python3)
SUITS := import sys; sys.exit(not (3, 8) <= sys.version_info[:2] < (3, 12))
COMPILED := src/integral_pose/commands/compile.py $(wildcard symbols/native/*.cc symbols/native/*.py src/integral_pose/synthetic/drawing/capsules.*)

$(READY): requirements/$(MXNET).txt requirements/runtime.txt pyproject.toml setup.py $(COMPILED)
	@for python in $(PYTHONS); do "$$python" -c '$(SUITS)' 2>/dev/null && break; done; \
	if ! "$$python" --version >/dev/null 2>&1; then \
	  echo "No Python was found as $(PYTHONS): install Python 3.11, or name yours with make setup PYTHON=/path/to/python3.11." >&2; \
	  exit 2; \
	fi; \
	"$$python" scripts/bootstrap.py install --venv $(VENV) --mxnet $(MXNET)

$(VENV)/ready-dev $(VENV)/ready-export: $(VENV)/ready-%: requirements/%.txt | $(READY)
	@$(VENV)/bin/python scripts/bootstrap.py install-$* --venv $(VENV)

$(VENV)/ready-horovod: requirements/horovod.txt requirements/horovod-build.txt $(READY)
	@$(VENV)/bin/python scripts/bootstrap.py install-horovod --venv $(VENV)

.PHONY: setup environment
setup: environment $(if $(filter 1,$(EXPORT)),$(VENV)/ready-export) $(if $(filter 1,$(HOROVOD)),$(VENV)/ready-horovod)
environment: $(READY)
	@$(VENV)/bin/python scripts/bootstrap.py check --venv $(VENV)

# ---------------------------------------------------------------- tests
PYTEST := $(VENV)/bin/python -m pytest
TESTERS ?= 2
SIDE_BY_SIDE := OMP_NUM_THREADS=1 $(PYTEST) -n $(TESTERS) --dist worksteal

.PHONY: test test-horovod check
test: environment $(VENV)/ready-dev $(VENV)/ready-export
	$(SIDE_BY_SIDE) $(if $(COVERAGE),--cov=src --cov=symbols --cov-report=term-missing:skip-covered --cov-fail-under=98)
	@# Without oneDNN, MXNet raises where it would otherwise write past the end of an array.
	MXNET_MKLDNN_ENABLED=0 $(SIDE_BY_SIDE) -m memory tests/symbols

test-horovod: $(VENV)/ready-dev $(VENV)/ready-horovod
	$(PYTEST) tests/test_distributed.py

check: environment $(VENV)/ready-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(PYTEST) -q tests/project/test_layers.py

# ---------------------------------------------------------------- pages of the Python API
BLOCKS := $(patsubst %.py,%,$(filter-out __init__.py,$(notdir $(wildcard symbols/*.py)))) descendants
PAGES := $(addprefix integral_pose.,api run methods skeletons geometry samples errors) $(addprefix symbols.,$(BLOCKS))

.PHONY: api
api: environment $(VENV)/ready-dev
	@$(VENV)/bin/pdoc --math --output-directory build/api $(PAGES)
	@echo "build/api/index.html lists all pages."

# ---------------------------------------------------------------- a look at it
.PHONY: demo
demo: environment
	@$(VENV)/bin/python -m scripts.demo
# ---------------------------------------------------------------- benchmarks
.PHONY: bench
bench: environment
	@$(VENV)/bin/python -m benchmarks.run $(if $(RIVALS),--rivals '$(RIVALS)') $(if $(DATA),--data '$(DATA)') \
	  $(if $(RESULTS),--results '$(RESULTS)')

# ---------------------------------------------------------------- tables and figures
PAPER := $(foreach number,1 2 3 4 5 6 7 8 9 10 11 12,table$(number)) table6_stages figure2
BEYOND := $(foreach name,decoders hand_over bias regularisers grid descendants,beyond_$(name))
BUILT := $(foreach name,$(PAPER) $(BEYOND),$(if $(wildcard experiments/$(name).py),$(name)))

OPTIONS = $(if $(PROFILE),--profile $(PROFILE)) $(if $(DATA),--data '$(DATA)') $(if $(GPUS),--gpus $(GPUS)) $(if $(AMP),--amp) \
  $(if $(ROWS),--rows $(foreach row,$(ROWS),'$(row)')) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(SET),--set $(SET)) \
  $(if $(STATUS),--status) $(if $(RESULTS),--results '$(RESULTS)')

.PHONY: tables beyond smoke $(PAPER) $(BEYOND)
smoke: override PROFILE := smoke
tables: $(filter $(PAPER),$(BUILT))
beyond: $(BEYOND)
smoke: $(BUILT)

$(BUILT): %: environment
	@$(VENV)/bin/python -m experiments.$* $(OPTIONS)

.PHONY: report
report: environment
	@$(VENV)/bin/python -m scripts.report $(if $(PROFILE),--profile $(PROFILE)) $(if $(RESULTS),--results '$(RESULTS)')

$(filter-out $(BUILT),$(PAPER)):
	@echo "$@ is not built yet: experiments/ has $(or $(BUILT),no table so far)." >&2; exit 2
