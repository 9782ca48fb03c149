# The two commands of the README: `make study` and `make test`. Needs Python 3.11 and make, nothing else.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
ENV := .venv
RUN := $(ENV)/bin

.PHONY: study test lint weights bench publish glaciers real site lab clean help

help:  ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

study: $(ENV)/ready  ## the whole study on the synthetic Mer de Glace, no network
	$(RUN)/gdiv run mer-de-glace --profile demo

test: $(ENV)/ready lint  ## linters and every test
	$(RUN)/python -m pytest

lint: $(ENV)/ready  ## linters alone
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/nbstripout --verify notebooks/*.ipynb

weights: $(ENV)/ready  ## train the network that ships, an hour and a quarter on two cores; resumes
	OMP_NUM_THREADS=1 $(RUN)/python -m torch.distributed.run --standalone --nproc-per-node 2 -m gdiv.pretrain --ship

bench: study  ## every matcher and network side by side, tuned on other pairs, and the ablation; an hour
	$(RUN)/python -m pip install -q --no-deps -c constraints.txt torchvision
	$(RUN)/python bench/matchers.py
	$(RUN)/python bench/networks.py
	$(RUN)/python bench/ablation.py
	$(RUN)/python results/render.py

publish: study  ## the demo's claims and pictures into results/published, and from there into the README
	cp runs/mer-de-glace-demo/claims.json results/published/claims.json
	cd runs/mer-de-glace-demo/figures && cp site.png mosaic.png speed.png profile.png reliability.png differences.png figure-3.png tiles.png fewer-pairs.png ../../../results/published/
	$(RUN)/python results/map_picture.py
	$(RUN)/python results/render.py

glaciers: $(ENV)/ready  ## every glacier of the catalog on its twin, smoke, for notebook 09; half an hour, resumes
	$(RUN)/python results/glaciers.py
	$(RUN)/python results/render.py

real: $(ENV)/ready  ## the study on real scenes, with SCENES=folder/items.json: claims and speeds into results/published
	$(RUN)/python results/real.py $(SCENES)
	$(RUN)/python results/render.py

site: study  ## the study, its results and the package's reference as HTML in site/, which needs no network
	$(RUN)/sphinx-build -q -W --keep-going -E -b html docs site
	@echo "open site/index.html"

lab: $(ENV)/ready  ## open the notebooks
	$(RUN)/jupyter lab notebooks/00_the_study_on_one_page.ipynb

clean:  ## remove the environment and all runs
	rm -rf $(ENV) runs site docs/notebooks docs/published docs/extra

$(ENV)/ready: constraints.txt pyproject.toml
	$(PYTHON) -m venv $(ENV)
	$(RUN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@
