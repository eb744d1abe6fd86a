# A thin face over pip, dbt, pytest and streamlit: every target prints what it runs.
ROOT := $(patsubst %/,%,$(dir $(realpath $(lastword $(MAKEFILE_LIST)))))
PYTHON ?= python3
BIN := $(ROOT)/.venv/bin

# Everything that a build makes lies under one directory; several can live side by side.
# Said on the command line only: a variable of that name in the environment means nothing.
DATA_DIR := $(ROOT)/data/local
DATA :=
MAPPING :=
VARS := {}
VERSION :=
CUSTOMER :=
MART :=
URL := https://archive.ics.uci.edu/static/public/352/online+retail.zip
OUT :=
ACTIONS :=
STARTS :=
METRICS :=
BY :=
FROM :=
TO :=
SEGMENT :=
MOVEMENT :=
ONLY :=

# Make takes a blank for the end of a name, and an empty directory would be the root.
ifneq ($(words $(ROOT)),1)
$(error The path of the project holds a blank, which make cannot handle: move it)
endif
ifneq ($(words $(DATA_DIR)),1)
$(error DATA_DIR is empty or holds a blank, which make cannot handle: name another directory)
endif
DATA_DIR_PATH := $(abspath $(DATA_DIR))
# What the mappings of the loaded files say of the shop, and on top of it what was typed.
WITH_VARS = vars="$$("$(BIN)/python" -m customer_intelligence.build_vars \
	--data-dir "$(DATA_DIR_PATH)" --vars $(call quoted,VARS))" &&
# What a person typed reaches the command as one word, whatever it holds.
quoted = '$(subst ','\'',$(value $(1)))'

IN_DATA_DIR = cd "$(ROOT)" && \
	CUSTOMER_INTELLIGENCE_DATA_DIR="$(DATA_DIR_PATH)" \
	CUSTOMER_INTELLIGENCE_ROOT="$(ROOT)" \
	DBT_TARGET_PATH="$(DATA_DIR_PATH)/build/target" \
	DBT_LOG_PATH="$(DATA_DIR_PATH)/build/logs"

.DEFAULT_GOAL := help
.PHONY: help build check-data data dashboard report docs pictures tutorial methodology metrics versions rollback forget \
	export audience campaign \
	test test-quick test-tools test-faults bench-dashboard lint sample lock clean

help:
	@echo 'make build [DATA=file] [MAPPING=mapping.yml|shopify] [DATA_DIR=dir] [VARS="{…}"]'
	@echo '                 build, test and publish the marts (of the bundled sample without data)'
	@echo 'make check-data DATA=file [MAPPING=mapping.yml] [OUT=mapping.yml]'
	@echo '                 how a file would be read, and a mapping for it; builds nothing'
	@echo 'make data [URL=address]    download UCI Online Retail and check its content'
	@echo 'make dashboard   look at the published marts on http://127.0.0.1:8501'
	@echo 'make report [OUT=report.html]    the dashboard as one file, to send or print'
	@echo 'make docs        lineage and definitions on http://127.0.0.1:8080'
	@echo 'make docs OUT=docs.html       the same as one file, to send or host'
	@echo 'make metrics METRICS=a,b [BY=dimension]    figures of the last build; alone, what there is'
	@echo 'make versions    the published versions that are kept'
	@echo 'make rollback VERSION=name    let readers see an earlier version'
	@echo 'make forget CUSTOMER=id [DATA_DIR=dir] [VARS="{…}"]'
	@echo '                 erase a customer from everything, build and publish again'
	@echo 'make export MART=name OUT=file.csv    a mart as CSV that is safe in a spreadsheet'
	@echo 'make audience FROM=day TO=day OUT=file.csv [SEGMENT=name] [MOVEMENT=entered|left|stayed]'
	@echo '                 who entered, left and stayed in each segment between two snapshots'
	@echo 'make campaign OUT=contacts.csv [ACTIONS=win_back,second_order] [STARTS=day]'
	@echo '                 whom to contact, and who is held out to measure what it does'
	@echo 'make test-quick  linters and the tests that need no build: at every change'
	@echo 'make test        linters and all tests'
	@echo 'make test-tools  other engines, and every page in every look'
	@echo 'make test-faults the long proof: kills, full disks, damaged files (docs/reliability.md)'
	@echo 'make bench-dashboard [DATA_DIR=dir]    how fast the dashboard is (needs chromium)'
	@echo 'make lint        linters only'
	@echo 'make methodology the tables of docs and README, from the published marts and the analyses'
	@echo 'make tutorial    the tables of the tutorial, from the build of the sample'
	@echo 'make pictures    the pictures of README and tutorial, of what is built (needs chromium)'
	@echo 'make sample      make the bundled sample again'
	@echo 'make lock        resolve and pin the requirements again'
	@echo 'make clean       remove what was generated; your loads stay'

# The environment: what the hash-pinned requirements name, and the package itself.
$(BIN)/python:
	$(PYTHON) -m venv "$(ROOT)/.venv"

$(ROOT)/.venv/installed: $(ROOT)/requirements.txt $(ROOT)/pyproject.toml | $(BIN)/python
	cd "$(ROOT)" && .venv/bin/python -m pip install --quiet --require-hashes -r requirements.txt
	cd "$(ROOT)" && .venv/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch "$@"

$(ROOT)/.venv/installed-dev: $(ROOT)/requirements-dev.txt $(ROOT)/.venv/installed
	cd "$(ROOT)" && .venv/bin/python -m pip install --quiet --require-hashes -r requirements-dev.txt
	touch "$@"

# Unit tests hold the SQL to rows of their own, whatever the data: `make test` runs them.
build: $(ROOT)/.venv/installed
	mkdir -p "$(DATA_DIR_PATH)/build"
ifneq ($(DATA),)
	"$(BIN)/python" -m customer_intelligence.ingest "$(DATA)" $(if $(MAPPING),--mapping "$(MAPPING)") --data-dir "$(DATA_DIR_PATH)"
endif
	$(WITH_VARS) $(IN_DATA_DIR) "$(BIN)/dbt" build --exclude-resource-type unit_test \
		--vars "$$vars"
	"$(BIN)/python" -m customer_intelligence.summary --data-dir "$(DATA_DIR_PATH)"

check-data: $(ROOT)/.venv/installed
	"$(BIN)/python" -m customer_intelligence.check_data $(call quoted,DATA) \
		$(if $(value MAPPING),--mapping $(call quoted,MAPPING)) \
		$(if $(value OUT),--out $(call quoted,OUT))

data: $(ROOT)/.venv/installed
	cd "$(ROOT)" && .venv/bin/python -m customer_intelligence.download \
		--url $(call quoted,URL) --out data/online_retail.parquet

dashboard: $(ROOT)/.venv/installed
	$(IN_DATA_DIR) "$(BIN)/python" -m streamlit run dashboard/app.py

report: $(ROOT)/.venv/installed
	"$(BIN)/python" dashboard/report.py --data-dir "$(DATA_DIR_PATH)" \
		--out $(if $(OUT),$(call quoted,OUT),"$(DATA_DIR_PATH)/report.html")

docs: $(ROOT)/.venv/installed
	mkdir -p "$(DATA_DIR_PATH)/build"
ifeq ($(value OUT),)
	$(WITH_VARS) $(IN_DATA_DIR) "$(BIN)/dbt" docs generate --vars "$$vars"
	$(IN_DATA_DIR) "$(BIN)/dbt" docs serve --host 127.0.0.1 --no-browser
else
	$(WITH_VARS) $(IN_DATA_DIR) "$(BIN)/dbt" docs generate --static --vars "$$vars"
	@# The one picture that the page would look for beside itself goes into it.
	picture="$$(base64 <"$(ROOT)/assets/pipeline.svg" | tr -d '\n')" && test -n "$$picture" && \
		sed "s|assets/pipeline.svg|data:image/svg+xml;base64,$$picture|" \
		"$(DATA_DIR_PATH)/build/target/static_index.html" >"$(DATA_DIR_PATH)/build/docs.html" && \
		mv "$(DATA_DIR_PATH)/build/docs.html" $(call quoted,OUT)
endif

metrics: $(ROOT)/.venv/installed-dev
	$(IN_DATA_DIR) "$(BIN)/python" -m customer_intelligence.metrics \
		$(if $(METRICS),query --metrics $(call quoted,METRICS),list metrics) \
		$(if $(BY),--group-by $(call quoted,BY))

versions: $(ROOT)/.venv/installed
	@"$(BIN)/python" -m customer_intelligence.versions --data-dir "$(DATA_DIR_PATH)" list

rollback: $(ROOT)/.venv/installed
	"$(BIN)/python" -m customer_intelligence.versions --data-dir "$(DATA_DIR_PATH)" \
		rollback $(call quoted,VERSION)

# Not echoed: the name of who is to be forgotten should not stay in the log of a scheduler.
forget: $(ROOT)/.venv/installed
	@"$(BIN)/python" -m customer_intelligence.forget --data-dir "$(DATA_DIR_PATH)" \
		erase $(call quoted,CUSTOMER)
	rm -rf "$(ROOT)/target" "$(ROOT)/logs"
	$(WITH_VARS) $(IN_DATA_DIR) "$(BIN)/dbt" build --exclude-resource-type unit_test \
		--vars "$$vars"
	@"$(BIN)/python" -m customer_intelligence.forget --data-dir "$(DATA_DIR_PATH)" \
		verify $(call quoted,CUSTOMER)
	"$(BIN)/python" -m customer_intelligence.summary --data-dir "$(DATA_DIR_PATH)"

export: $(ROOT)/.venv/installed
	"$(BIN)/python" -m customer_intelligence.export $(call quoted,MART) \
		--out $(call quoted,OUT) --data-dir "$(DATA_DIR_PATH)"

audience: $(ROOT)/.venv/installed
	"$(BIN)/python" -m customer_intelligence.audience --segment=$(call quoted,SEGMENT) \
		--movement=$(call quoted,MOVEMENT) --out=$(call quoted,OUT) \
		--data-dir "$(DATA_DIR_PATH)" -- $(call quoted,FROM) $(call quoted,TO)

campaign: $(ROOT)/.venv/installed
	"$(BIN)/python" -m customer_intelligence.campaign --out $(call quoted,OUT) \
		--actions $(call quoted,ACTIONS) --starts $(call quoted,STARTS) \
		--data-dir "$(DATA_DIR_PATH)"

# Every change: no dbt, no browser, no fits, and of the SQL only what changed is linted.
test-quick: $(ROOT)/.venv/installed-dev
	$(LINT_PYTHON)
	cd "$(ROOT)" && git ls-files --modified --others --exclude-standard --deduplicate \
		-- 'models/*.sql' 'tests/*.sql' 'analyses/*.sql' | xargs -r ls -d 2>/dev/null \
		| xargs -r .venv/bin/sqlfluff lint
	cd "$(ROOT)" && CUSTOMER_INTELLIGENCE_QUICK_TESTS=1 .venv/bin/python -m pytest --quiet -rfE

# Every issue, in some ten minutes of a processor.
test: lint
	cd "$(ROOT)" && .venv/bin/python -m pytest --numprocesses auto --maxprocesses 4 \
		--dist loadfile --no-loadscope-reorder

# What needs the package index, or a browser for long.
test-tools: $(ROOT)/.venv/installed-dev
	cd "$(ROOT)" && PYTHONPATH=tests/python .venv/bin/python -m pytest -p conftest tests/tools
	cd "$(ROOT)" && ALL_LOOKS=1 .venv/bin/python -m pytest tests/python/test_browser.py

# What takes hours.
test-faults: $(ROOT)/.venv/installed-dev
	cd "$(ROOT)" && .venv/bin/python -m tests.faults $(if $(ONLY),--only "$(ONLY)")

bench-dashboard: $(ROOT)/.venv/installed-dev
	cd "$(ROOT)" && .venv/bin/python -m benchmarks.dashboard --data-dir "$(DATA_DIR_PATH)"

LINT_PYTHON = cd "$(ROOT)" && .venv/bin/ruff check . && .venv/bin/ruff format --check . && \
	.venv/bin/bandit --quiet --recursive src dashboard python_models

lint: $(ROOT)/.venv/installed-dev
	$(LINT_PYTHON)
	cd "$(ROOT)" && .venv/bin/sqlfluff lint models tests analyses

methodology: $(ROOT)/.venv/installed
	cd "$(ROOT)" && .venv/bin/python -m customer_intelligence.doc_tables \
		--data-dir "$(DATA_DIR_PATH)" --blocks models/methodology.md \
		README.md docs/methodology/*.md
	$(WITH_VARS) $(IN_DATA_DIR) "$(BIN)/dbt" compile --quiet --no-introspect \
		--select path:analyses --vars "$$vars"
	cd "$(ROOT)" && .venv/bin/python -m customer_intelligence.doc_tables \
		--data-dir "$(DATA_DIR_PATH)" --analyses docs/analyses.md

# Tutorial and pictures go into the repository: they must not show anybody's own customers.
OF_THE_SAMPLE = @test ! -d "$(DATA_DIR_PATH)/raw" || { \
	echo 'DATA_DIR holds loads of your own: name one in which the sample was built.' >&2; exit 2; }

tutorial: $(ROOT)/.venv/installed
	$(OF_THE_SAMPLE)
	cd "$(ROOT)" && .venv/bin/python -m customer_intelligence.doc_tables \
		--data-dir "$(DATA_DIR_PATH)" docs/tutorial.md

pictures: $(ROOT)/.venv/installed-dev
	$(OF_THE_SAMPLE)
	$(IN_DATA_DIR) "$(BIN)/dbt" docs generate
	cd "$(ROOT)" && .venv/bin/python -m docs.pictures --data-dir "$(DATA_DIR_PATH)"

SAMPLE_WORK := $(ROOT)/.sample

sample: $(ROOT)/.venv/installed
	rm -rf "$(SAMPLE_WORK)" && mkdir -p "$(SAMPLE_WORK)"
	"$(BIN)/python" -m customer_intelligence.simulate --seed 7 \
		--out "$(SAMPLE_WORK)/sample.parquet" --truth "$(SAMPLE_WORK)/truth.parquet"
	"$(BIN)/python" -m customer_intelligence.ingest "$(SAMPLE_WORK)/sample.parquet" \
		--data-dir "$(SAMPLE_WORK)"
	rm -rf "$(ROOT)/data/sample" && mkdir -p "$(ROOT)/data/sample"
	mv "$(SAMPLE_WORK)/raw" "$(SAMPLE_WORK)/truth.parquet" "$(ROOT)/data/sample/"
	rm -rf "$(SAMPLE_WORK)"

LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 \
	--generate-hashes --no-strip-extras --no-header --no-annotate --quiet --upgrade

lock: $(ROOT)/.venv/installed-dev
	cd "$(ROOT)" && $(LOCK) --extra install --extra dashboard -o requirements.txt
	cd "$(ROOT)" && $(LOCK) --all-extras -o requirements-dev.txt

clean:
	rm -rf "$(DATA_DIR_PATH)/build/target" "$(DATA_DIR_PATH)/build/logs" \
		"$(DATA_DIR_PATH)/build/tmp" "$(DATA_DIR_PATH)"/build/warehouse.duckdb* \
		"$(ROOT)/target" "$(ROOT)/logs" "$(ROOT)/.pytest_cache" "$(ROOT)/.ruff_cache"
