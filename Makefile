# README's commands: `make study` and `make test`. They need Python 3.11 to 3.14 and make, nothing else.
ENV := .venv
# Two processes of the tests share the cores better than one with two threads.
ONE_THREAD := OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1
RUN := $(ENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)

.PHONY: study test quick lint constraints weights bench gate publish glaciers real site links lab clean help

help:  ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 13

study: $(ENV)/study.ready  ## the whole study on the synthetic Mer de Glace, no network
	$(RUN)/gdiv run mer-de-glace --profile demo

test: $(ENV)/test.ready lint  ## linters, types and every test
	$(ONE_THREAD) $(RUN)/python -m pytest -n 2

quick: $(ENV)/test.ready  ## the tests that need no run of the study, under two minutes
	$(ONE_THREAD) $(RUN)/python -m pytest -n auto -m "not run"

lint: $(ENV)/test.ready  ## linters and types alone
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/codespell
	$(RUN)/python .ci/idioms
	$(RUN)/mypy
	$(RUN)/numpydoc lint $$(find gdiv -name '*.py')
	$(RUN)/nbstripout --verify notebooks/*.ipynb
	$(RUN)/repo-review . --show err

constraints:  ## solve for the versions of constraints.txt anew; UPGRADE=--upgrade moves those that stand
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11.0 --fork-strategy fewest \
		--no-annotate --quiet --custom-compile-command "make constraints" $(UPGRADE) --output-file constraints.txt

weights: $(ENV)/study.ready  ## train both networks that ship, two hours and a half on two cores; resumes
	OMP_NUM_THREADS=1 $(RUN)/python -m torch.distributed.run --standalone --nproc-per-node 2 -m gdiv.study.pretraining --ship
	OMP_NUM_THREADS=1 $(RUN)/python -m torch.distributed.run --standalone --nproc-per-node 2 -m gdiv.study.pretraining \
		--preset refinement --stages rest --begin gdiv/flow/raft/weights/gdiv.safetensors --ship

bench: study $(ENV)/bench.ready  ## every matcher and network side by side, tuned on other pairs, the ablation, the designs, the stated errors and the hypothesis; five hours
	$(RUN)/python -m pip install -q --no-deps torchvision==0.28.0
	$(RUN)/python bench/leaderboard.py
	$(RUN)/python bench/matchers.py
	$(RUN)/python bench/networks.py
	$(RUN)/python bench/ablation.py
	$(RUN)/python bench/designs.py
	$(RUN)/python bench/calibration.py
	$(RUN)/python bench/hypothesis.py
	$(RUN)/python results/render.py

gate: $(ENV)/bench.ready  ## throughput of the kernels relative to named libraries, two minutes; fails if one is a tenth slower than published
	cd bench && ../$(RUN)/python gate.py

publish: study $(ENV)/test.ready  ## the demo's claims and pictures into results/published, and from there into the README
	cp runs/mer-de-glace-demo/claims.json results/published/claims.json
	cd runs/mer-de-glace-demo/figures && cp site.png mosaic.png speed.png profile.png reliability.png differences.png figure-3.png tiles.png fewer-pairs.png ../../../results/published/
	$(RUN)/python results/map_picture.py
	$(RUN)/python results/checks.py
	$(RUN)/python results/render.py

glaciers: $(ENV)/study.ready  ## every glacier of the catalog on its twin, smoke, for notebook 09; half an hour, resumes
	$(RUN)/python results/glaciers.py
	$(RUN)/python results/render.py

real: $(ENV)/study.ready  ## the study on the real scenes of a folder, with SCENES=folder: claims and speeds into results/published
	$(RUN)/python results/real.py $(SCENES)
	$(RUN)/python results/render.py

site: study $(ENV)/site.ready  ## the study, its results and the package's reference as HTML in site/, which needs no network
	$(RUN)/sphinx-build -q -W --keep-going -E -b html docs site
	@echo "open site/index.html"

links: $(ENV)/study.ready  ## badges for Binder, Colab and Codespaces of this fork into the README
	$(RUN)/python results/render.py --links

lab: $(ENV)/study.ready  ## open the notebooks
	$(RUN)/jupyter lab notebooks/00_the_study_on_one_page.ipynb

clean:  ## remove the environment and all runs
	rm -rf $(ENV) runs site jupyter_execute docs/notebooks docs/published docs/extra docs/api docs/modules

# One environment; each of these says that an extra of pyproject.toml is installed in it.
# CUDA asked for by name is installed over the CPU build.
$(ENV)/%.ready: constraints.txt pyproject.toml .ci/environment $(if $(filter cuda,$(TORCH)),FORCE)
	sh .ci/environment $(ENV) $*
	touch $@

FORCE:
