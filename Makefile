# Two commands do everything on a fresh machine: make demo, make test. `make help` lists the others.
# All paths are relative, so the folder's own path may have spaces.

MODEL  ?= cells
TOOL   ?= vitis
PYTHON ?= python3
PY     := .venv/bin/python
PIP    := $(PY) -m pip --disable-pip-version-check install --quiet
RUN    := $(PY) -m bitsmith
BUILD  := build/$(MODEL)

MODEL_cells  := models/cells/student2.h5
CONFIG_cells := models/cells/config.yaml
MODEL_fli    := models/fli/lite32_8.h5
CONFIG_fli   := models/fli/config.yaml
MODEL_lic    := models/lic/trained/wide_100/analysis.h5
CONFIG_lic   := models/lic/config.yaml
# Images of 256 × 256 pixels: fewer vectors than the default, or they would be hundreds of megabytes.
VECTORS_lic  := --vectors 2
ABOUT_cells  := on the first 1,000 images of the synthetic test set and on 179 real ones, held-out digits
ABOUT_fli    := on 200 synthetic fluorescence decays of 70 samples
ABOUT_lic    := on two synthetic images of dead leaves, 256 × 256 pixels
IMAGES       := build/images_$(MODEL).npy
SOURCES      := $(wildcard sim/*.py sim/*/*.py hw/*/*.py hw/hls/*.hpp gen/*.py gen/*/*.py gen/templates/* tb/*.py tb/*.j2)

.PHONY: help demo test test-fast test-slow golden sim alone second cocotb netlist synth row proofs formal images schedule full gdn fuzz bad-input kills fuzz-reader mutate hls4ml-suite lint bench train lock wheel install-check clean
.DEFAULT_GOAL := help

ifneq ($(filter demo golden sim alone second cocotb netlist synth train,$(MAKECMDGOALS)),)
  ifeq ($(MODEL_$(MODEL)),)
    $(error MODEL=$(MODEL) is not there; this version has cells, fli and lic)
  endif
endif

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | expand -t 15
	@echo "MODEL=$(MODEL) (cells, fli, lic), TOOL=$(TOOL) (vitis, vivado_hls, yosys, ecp5)"

demo: $(BUILD)/bitsmith.json $(IMAGES) ## build the trained model, compare it at the levels hls and rtl on its test images, report
	@echo "Comparing $(ABOUT_$(MODEL)):"
	$(RUN) verify $(BUILD) --level hls --level rtl --inputs $(IMAGES)
	$(RUN) estimate $(BUILD)
	@echo "The report:"
	$(RUN) report $(BUILD)

test: .venv/.test ## run the tests (installs TensorFlow for those that train)
	$(PY) -m pytest -n 2 --dist loadscope --no-loadscope-reorder $(TESTS)

test-fast: .venv/.test ## the tests that start no program and train nothing: a minute and a half, for daily work
	$(PY) -m pytest -n 2 --dist loadfile --fast -q $(TESTS)

test-slow: .venv/.test ## the tests that are marked slow: the same kinds in more ways
	$(PY) -m pytest -n 2 --dist loadscope --slow -m slow $(TESTS)

golden: $(BUILD)/bitsmith.json ## the reference's inputs and outputs, as raw integers
	@ls -l $(BUILD)/vectors

sim: $(BUILD)/bitsmith.json $(IMAGES) ## simulate the Verilog against the reference
	$(RUN) verify $(BUILD) --level rtl --inputs $(IMAGES)

alone: $(BUILD)/bitsmith.json ## each layer's own Verilog and C++ by itself, with inputs made to reach what no frame reaches
	$(RUN) verify $(BUILD) --level layers

second: $(BUILD)/bitsmith.json ## a second opinion: the Verilog on Icarus, or on CXXRTL where there is none
	$(RUN) verify $(BUILD) --level second

cocotb: $(BUILD)/bitsmith.json ## the build's own cocotb bench; SIM=icarus, FRAMES=20, WAVES=1
	$(MAKE) -C $(BUILD)/tb PYTHON="$(CURDIR)/$(PY)"

netlist: $(BUILD)/bitsmith.json ## simulate what Yosys synthesizes; CELLS=generic, xilinx, ecp5, routed (many minutes)
	$(RUN) verify $(BUILD) --level netlist$(if $(CELLS),-$(CELLS))

synth: $(BUILD)/bitsmith.json ## synthesize with TOOL
	$(RUN) synth $(BUILD) --tool $(TOOL)

row: .venv/.demo build/images_fli.npy $(SOURCES) ## fli on a sensor row of 512 pixels: simulated cycles, frames per second
	$(RUN) build $(MODEL_fli) --config models/fli/config_row.yaml --output build/fli_row
	$(RUN) verify build/fli_row --level rtl --inputs build/images_fli.npy
	$(RUN) estimate build/fli_row --image 512x512

proofs: .venv/.demo build/images_fli.npy $(SOURCES) ## every trained network of fli on 200 curves (half an hour)
	for network in lite32_8:config lite16_8:config lite32_16:config_resource lite16_16:config_resource \
	  stacked64x16_8:config_stacked; do \
	  model=$${network%%:*} config=$${network##*:}; \
	  $(RUN) build models/fli/$$model.h5 --config models/fli/$$config.yaml --output build/proofs_$$model && \
	  $(RUN) verify build/proofs_$$model --level hls --level rtl --inputs build/images_fli.npy || exit 1; done

formal: .venv/.test $(SOURCES) ## proofs about the Verilog, for every input and every stall: a table of parts and properties (ten minutes)
	PYTHONPATH=tests/helpers FORMAL_JSON=$(JSON) $(PY) -m pytest -n 2 --dist loadscope -q -p formal_table --slow tests/formal

images: .venv/.test $(SOURCES) ## lic: encoder and decoder on whole natural images, hls and rtl, and bitstreams
	$(PY) -m bitsmith.models.lic.proof build/lic_images

schedule: .venv/.demo $(SOURCES) ## lic: frames a second of 720p, one step after another and in a pipeline, from exact cycles
	for part in analysis:config synthesis:config_synthesis hyper_synthesis:config_hyper; do \
	  network=$${part%%:*} config=$${part##*:}; \
	  $(RUN) build models/lic/trained/wide_100/$$network.h5 --config models/lic/$$config.yaml --vectors 2 \
	    --output build/lic_$$network || exit 1; done
	@echo "The hyper encoder is a part of the encoder's build; the entropy coder takes a symbol a cycle, an assumption."
	$(PY) -m bitsmith.models.lic.pipeline encoder=build/lic_analysis hyper_encoder=1 \
	  hyper_decoder=build/lic_hyper_synthesis entropy_coder=16640 decoder=build/lic_synthesis

full: .venv/.test $(SOURCES) ## lic at the published widths: emitted, whole in C++, first layers in Verilog, compared on a patch (hours)
	$(PY) -m bitsmith.bench.full_size

gdn: .venv/.test $(SOURCES) ## 100,000 pixels through divisive normalization of 8 to 192 channels, all forms (an hour)
	$(PY) -m bitsmith.bench.gdn_pixels

fuzz: .venv/.test $(SOURCES) ## random whole networks from model files through Keras, reference, HLS and Verilog; MINUTES=20, SEED=1, REPEAT=FILE
	PYTHONPATH=tests/helpers $(PY) -m fuzz $(if $(REPEAT),--repeat $(REPEAT),--minutes $(or $(MINUTES),20) --seed $(or $(SEED),1) --networks $(or $(NETWORKS),6) $(if $(SMALL),--small))

bad-input: .venv/.test $(SOURCES) ## broken models, configurations, data and builds through the commands: CASES (600), SEED (1); five minutes
	$(PY) tests/helpers/bad_input_table.py build/bad_input --cases $(or $(CASES),600) --seed $(or $(SEED),1)

kills: .venv/.test $(SOURCES) ## build, verify, report and synth killed at random times: KILLS (200), SEED (1); ten minutes
	$(PY) tests/helpers/kills_table.py build/kills --kills $(or $(KILLS),200) --seed $(or $(SEED),1)

fuzz-reader: .venv/.test $(SOURCES) ## damaged models for the reader, by hypothesis, for MINUTES (60), from SEED (1)
	$(PY) tests/helpers/reader_fuzz.py build/fuzz_reader --minutes $(or $(MINUTES),60) --seed $(or $(SEED),1)

mutate: .venv/.test $(SOURCES) ## faults planted in Verilog, C++ and the reference, and what verify says of each; MUTANTS=500, SEED=1, ONLY=code, JSON=file, RESUME=1: where JSON's run was stopped (half an hour)
	PYTHONPATH=tests/helpers $(PY) -m mutation --mutants $(or $(MUTANTS),500) --seed $(or $(SEED),1) \
	  $(if $(ONLY),--only $(ONLY)) $(if $(JSON),--json $(JSON)) $(if $(RESUME),--resume)

hls4ml-suite: .venv/.test $(SOURCES) ## the models of hls4ml's own tests under the configurations that it writes, beside Keras (two minutes)
	$(PY) tests/helpers/hls4ml_table.py $(MODELS)

lint: .venv/.test ## ruff, mypy and clang-format
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	@$(PY) -m mypy -p bitsmith $(patsubst %.py,-m %,$(notdir $(wildcard tests/*.py tests/*/*.py)))
	.venv/bin/clang-format --dry-run --Werror $(wildcard hw/hls/*.hpp gen/hls/csim/*.h)

bench: .venv/.test build/images_cells.npy ## measure against other tools, exact roots, and published efficiencies; build/bench*
	$(PY) -m bitsmith.bench --images build/images_cells.npy
	$(PY) -m bitsmith.bench.tiles build/bench_tiles
	$(PY) -m bitsmith.bench.gdn build/bench_gdn
	$(PY) -m bitsmith.bench.jets build/bench_jets

train: .venv/.test ## train the network again
	$(RUN) train $(MODEL)

lock: ## resolve the pinned requirements again (needs uv)
	uv pip compile $(LOCK) --extra train --extra fli --extra lic --extra dev --extra build pyproject.toml -o requirements-test.txt
	uv pip compile $(LOCK) --extra build -c requirements-test.txt pyproject.toml -o requirements.txt

wheel: .venv/.demo ## build/dist/*.whl
	$(PY) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir build/dist .

install-check: ## install the wheel on the newest and the oldest Python here, without the lock files, and use it; EVERY=1: on all
	PYTHON=$(PYTHON) EVERY=$(EVERY) .ci/install-check

clean: ## remove what was made, the environment too
	rm -rf build .venv

LOCK := --universal --python-version 3.10 --no-header --no-annotate --no-emit-index-url --no-emit-find-links --upgrade --quiet

$(BUILD)/bitsmith.json: .venv/.demo $(MODEL_$(MODEL)) $(CONFIG_$(MODEL)) $(SOURCES)
	$(RUN) build $(MODEL_$(MODEL)) --config $(CONFIG_$(MODEL)) --output $(BUILD) $(VECTORS_$(MODEL))

build/images_cells.npy: .venv/.demo models/cells/data.py models/cells/synthetic.py
	@mkdir -p build
	$(PY) -c 'import numpy; from bitsmith.models.cells.data import proof_images; \
	  numpy.save("$@", proof_images() / numpy.float32(256))'

build/images_fli.npy: .venv/.demo models/fli/synthetic.py models/fli/irf.py
	@mkdir -p build
	$(PY) -c 'import numpy; from bitsmith.models.fli.synthetic import proof_curves; numpy.save("$@", proof_curves())'

build/images_lic.npy: .venv/.demo models/lic/data.py models/lic/dead_leaves.py
	@mkdir -p build
	$(PY) -c 'import numpy; from bitsmith.models.lic.data import proof_images; numpy.save("$@", proof_images())'

# The environment. A stamp says which requirements are in it; both stamps share one folder.
.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "error: $(PYTHON) is older than 3.10; name a newer one: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "error: no virtual environment; install python3-venv (Debian, Ubuntu: apt install python3-venv)" >&2; exit 2; }

.venv/.demo: requirements.txt pyproject.toml | .venv/bin/python
	$(PIP) -r requirements.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# HGQ2 lies beside the packages: its wheel has a module qkeras of its own, which would replace QKeras.
.venv/.test: requirements-test.txt requirements-hgq.txt .venv/.demo
	$(PIP) -r requirements-test.txt
	$(PIP) --no-deps --upgrade --target .venv/hgq2 -r requirements-hgq.txt
	@rm -rf .venv/hgq2/qkeras
	@touch $@
