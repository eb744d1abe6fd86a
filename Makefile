# A thin face: every target prints the command it runs. Users' targets run `customer-intelligence`
# (see its --help), maintainers' targets pip, dbt, pytest and the tools of the project.

# Started in the project, its path may hold anything; else make takes a blank for the end of a name.
ifeq ($(lastword $(MAKEFILE_LIST)),Makefile)
override TREE :=
override ROOT := $(CURDIR)
else
override ROOT := $(patsubst %/,%,$(dir $(realpath $(lastword $(MAKEFILE_LIST)))))
override TREE := $(ROOT)/
ifneq ($(words $(ROOT)),1)
$(error The path of the project holds a blank, which make -f cannot handle: use make -C, or move it)
endif
endif
PYTHON ?= python3
override BIN := $(TREE).venv/bin
override COMMAND := $(BIN)/customer-intelligence

# What a person says stands on the command line only: DATA, MAPPING, DATA_DIR and so on in the
# environment mean nothing. It reaches the command as one word, whatever it holds: make does not
# expand it ($(value)), the shell does not read it (quotes), and nothing gets it in the environment,
# for which make would expand it first (unexport; MAKEOVERRIDES is the copy for makes below).
override said = $(filter command,$(origin $(1)))
override define newline


endef
# A line break would end the line of the recipe: the shell puts it in from here.
override NEWLINE := $(newline)
export NEWLINE
override quoted = '$(subst $(newline),'"$$NEWLINE"',$(subst ','\'',$(value $(1))))'
# --name='value' and -- 'value' where something was said, if only that it is empty.
override option = $(if $(call said,$(2)),--$(1)=$(call quoted,$(2)))
override positional = $(if $(strip $(foreach name,$(1),$(call said,$(name)))),-- $(foreach name,$(1),$(if $(call said,$(name)),$(call quoted,$(name)))))
$(foreach name,$(.VARIABLES),$(if $(call said,$(name)),$(eval unexport $(name))))
override MAKEOVERRIDES :=

# Everything that a build makes lies under one directory; several can live side by side.
ifneq ($(call said,DATA_DIR),)
ifeq ($(strip $(value DATA_DIR)),)
$(error DATA_DIR is empty: name a directory, or leave it out)
endif
override PLACE := $(if $(filter /%,$(firstword $(value DATA_DIR))),,$(CURDIR)/)$(value DATA_DIR)
else
override PLACE := $(ROOT)/data/local
endif
IN_DATA_DIR = --data-dir=$(call quoted,PLACE)
IN_PROJECT = $(IN_DATA_DIR) $(if $(TREE),--project-dir=$(call quoted,ROOT))
# For dbt itself.
DBT = cd $(call quoted,ROOT) && CUSTOMER_INTELLIGENCE_DATA_DIR=$(call quoted,PLACE) \
	CUSTOMER_INTELLIGENCE_ROOT=$(call quoted,ROOT) \
	DBT_TARGET_PATH=$(call quoted,PLACE)/build/target \
	DBT_LOG_PATH=$(call quoted,PLACE)/build/logs .venv/bin/dbt

.DEFAULT_GOAL := help
.PHONY: help build check-data data dashboard superset report docs pictures tables tutorial methodology metrics doctor versions rollback publish forget \
	export audience campaign \
	test test-quick test-tools test-faults test-incremental test-spark conventions bench bench-dashboard scoreboard lint sample lock clean

help:
	@echo 'make build [DATA=file] [MAPPING=mapping.yml|shopify] [DATA_DIR=dir] [VARS="{…}"]'
	@echo '                 build, test and publish the marts (of the bundled sample without data)'
	@echo 'make check-data DATA=file [MAPPING=mapping.yml] [OUT=mapping.yml]'
	@echo '                 report how a file would be read, draft a mapping; builds nothing'
	@echo 'make data [URL=address]    download UCI Online Retail and verify its content'
	@echo 'make dashboard   show the published marts on http://127.0.0.1:8501'
	@echo 'make superset [TO=postgresql://…] [OUT=superset.zip]    the marts in Apache Superset on'
	@echo '                 http://127.0.0.1:8088; with OUT only the file for a Superset of your own'
	@echo 'make report [OUT=report.html]    the dashboard as one file, to send or print'
	@echo 'make docs        lineage and definitions on http://127.0.0.1:8080'
	@echo 'make docs OUT=docs.html       the same as one file, to send or host'
	@echo 'make metrics METRICS=a,b [BY=segment,month] [OUT=file.csv|json|parquet]'
	@echo '                 figures of what is published; alone, what there is'
	@echo 'make doctor [DATA_DIR=dir]    what a build finds here: memory, cores, disk, and what to set'
	@echo 'make versions    the published versions that are kept'
	@echo 'make rollback VERSION=name    let readers see an earlier version'
	@echo 'make publish TO=folder|postgresql://… [READER=role]    copy the marts for other tools'
	@echo 'make forget CUSTOMER=id [DATA_DIR=dir] [VARS="{…}"]'
	@echo '                 erase a customer from everything, build and publish again'
	@echo 'make export MART=name OUT=file.csv    a mart as CSV that is safe in a spreadsheet'
	@echo 'make audience FROM=day TO=day OUT=file.csv [SEGMENT=name] [MOVEMENT=entered|left|stayed]'
	@echo '                 who entered, left and stayed in each segment between two snapshots'
	@echo 'make campaign OUT=contacts.csv [ACTIONS=win_back,second_order] [STARTS=day]'
	@echo '                 who to contact, and who is held out to measure the effect'
	@echo 'make test-quick  linters and the tests that need no build: at every change'
	@echo 'make test        linters and all tests'
	@echo 'make test-tools  other engines, a BI tool, every page in every look, the conventions'
	@echo 'make test-incremental    what a build adds is what a build of everything makes: 500 shops'
	@echo 'make test-spark  the sample built on Spark, every table compared with DuckDB (docs/scale.md)'
	@echo 'make test-faults the long proof: kills, full disks, damaged files (docs/reliability.md)'
	@echo 'make bench [SIZES=1,10,100] [RUNS=5] [QUICK=1] [ADD=1]    docs/performance.md: the product beside'
	@echo '                 pandas, polars and SQL, by copies of Online Retail; QUICK prints one run'
	@echo 'make bench-dashboard [DATA_DIR=dir]    how fast the dashboard is (needs chromium)'
	@echo 'make scoreboard [LOGS=dir] [DATA_DIR=dir]    docs/scoreboard.md: our models, naive forecasts'
	@echo '                 and tutorials on other shops (DATA_DIR: a build of Online Retail)'
	@echo 'make lint        linters only'
	@echo 'make conventions the rules of dbt-bouncer.yml, for every model'
	@echo 'make methodology the tables of docs, from the published marts and the analyses'
	@echo 'make tables      the lists of tables in README and docs, from the descriptions of the models'
	@echo 'make tutorial    tables of the tutorial and answers to agents, from the build of the sample'
	@echo 'make pictures    the pictures of README and docs, from the build of the sample (needs chromium)'
	@echo 'make sample      make the bundled sample again'
	@echo 'make lock        resolve and pin the requirements again'
	@echo 'make clean       remove what was generated; your loads stay'
	@echo 'Each of them prints its command; .venv/bin/customer-intelligence --help explains those.'

# The environment: what the hash-pinned requirements name, and the package itself.
# Where Python may not write bytecode (PYTHONDONTWRITEBYTECODE, usual in containers), pip leaves it out,
# and each command would compile a thousand modules. Some packages hold files that are no Python.
override COMPILED = cd $(call quoted,ROOT) && .venv/bin/python -m compileall -qq -j 0 .venv/lib src || true
$(BIN)/python:
	$(call quoted,PYTHON) -m venv $(call quoted,ROOT)/.venv

$(TREE).venv/installed: $(TREE)requirements.txt $(TREE)pyproject.toml | $(BIN)/python
	cd $(call quoted,ROOT) && .venv/bin/python -m pip install --quiet --require-hashes -r requirements.txt
	cd $(call quoted,ROOT) && .venv/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .
	$(COMPILED)
	touch "$@"

$(TREE).venv/installed-dev: $(TREE)requirements-dev.txt $(TREE).venv/installed
	cd $(call quoted,ROOT) && .venv/bin/python -m pip install --quiet --require-hashes -r requirements-dev.txt
	$(COMPILED)
	touch "$@"

$(TREE).venv/conventions/installed: $(TREE)requirements-conventions.txt | $(BIN)/python
	cd $(call quoted,ROOT) && .venv/bin/python -m venv .venv/conventions
	cd $(call quoted,ROOT) && .venv/conventions/bin/python -m pip install --quiet --require-hashes \
		-r requirements-conventions.txt
	touch "$@"

$(TREE).venv/bench/installed: $(TREE)requirements-bench.txt | $(BIN)/python
	cd $(call quoted,ROOT) && .venv/bin/python -m venv .venv/bench
	cd $(call quoted,ROOT) && .venv/bench/bin/python -m pip install --quiet --require-hashes \
		-r requirements-bench.txt
	touch "$@"

$(TREE).venv/superset/installed: $(TREE)requirements-superset.txt | $(BIN)/python
	cd $(call quoted,ROOT) && .venv/bin/python -m venv .venv/superset
	cd $(call quoted,ROOT) && .venv/superset/bin/python -m pip install --quiet --require-hashes \
		-r requirements-superset.txt
	touch "$@"

$(TREE).venv/spark/installed: $(TREE)requirements-spark.txt $(TREE)pyproject.toml | $(BIN)/python
	cd $(call quoted,ROOT) && .venv/bin/python -m venv .venv/spark
	cd $(call quoted,ROOT) && .venv/spark/bin/python -m pip install --quiet --require-hashes \
		-r requirements-spark.txt
	cd $(call quoted,ROOT) && .venv/spark/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch "$@"

build: $(TREE).venv/installed
	$(COMMAND) build $(IN_PROJECT) $(call option,mapping,MAPPING) $(call option,vars,VARS) $(call positional,DATA)

check-data: $(TREE).venv/installed
	$(COMMAND) check-data $(IN_DATA_DIR) $(call option,mapping,MAPPING) $(call option,out,OUT) $(call positional,DATA)

data: $(TREE).venv/installed
	$(COMMAND) data $(call option,url,URL) --out=$(call quoted,ROOT)/data/online_retail.parquet

dashboard: $(TREE).venv/installed
	$(COMMAND) dashboard $(IN_PROJECT)

# With OUT a Superset is somebody else's, and need not be installed.
superset: $(TREE).venv/installed $(if $(call said,OUT),,$(TREE).venv/superset/installed)
	@cd $(call quoted,ROOT) && .venv/bin/python -m tools.superset $(IN_DATA_DIR) $(call option,to,TO) \
		$(call option,out,OUT)

report: $(TREE).venv/installed
	$(COMMAND) report $(IN_PROJECT) $(call option,out,OUT)

docs: $(TREE).venv/installed
	$(COMMAND) docs $(IN_PROJECT) $(call option,vars,VARS) $(call option,out,OUT)

metrics: $(TREE).venv/installed
	$(COMMAND) metrics $(IN_DATA_DIR) $(call option,by,BY) $(call option,out,OUT) $(call positional,METRICS)

doctor: $(TREE).venv/installed
	$(COMMAND) doctor $(IN_DATA_DIR)

versions: $(TREE).venv/installed
	$(COMMAND) versions $(IN_DATA_DIR)

rollback: $(TREE).venv/installed
	$(COMMAND) rollback $(IN_DATA_DIR) $(call positional,VERSION)

# Not echoed: a password that somebody puts into TO is refused, and should not stay in a log.
publish: $(TREE).venv/installed
	@$(COMMAND) publish $(IN_DATA_DIR) $(call option,to,TO) $(call option,reader,READER)

# Not echoed: the name of who is to be forgotten should not stay in the log of a scheduler.
forget: $(TREE).venv/installed
	@$(COMMAND) forget $(IN_PROJECT) $(call option,vars,VARS) $(call positional,CUSTOMER)

export: $(TREE).venv/installed
	$(COMMAND) export $(IN_DATA_DIR) $(call option,out,OUT) $(call positional,MART)

audience: $(TREE).venv/installed
	$(COMMAND) audience $(IN_DATA_DIR) $(call option,segment,SEGMENT) $(call option,movement,MOVEMENT) \
		$(call option,out,OUT) $(call positional,FROM TO)

campaign: $(TREE).venv/installed
	$(COMMAND) campaign $(IN_DATA_DIR) $(call option,actions,ACTIONS) $(call option,starts,STARTS) \
		$(call option,out,OUT)

# Every change: no dbt, no browser, no fits, and of the SQL only what changed is linted.
test-quick: $(TREE).venv/installed-dev
	$(LINT_PYTHON)
	cd $(call quoted,ROOT) && git ls-files --modified --others --exclude-standard --deduplicate \
		-- 'models/*.sql' 'tests/*.sql' 'analyses/*.sql' | xargs -r ls -d 2>/dev/null \
		| xargs -r .venv/bin/sqlfluff lint
	cd $(call quoted,ROOT) && CUSTOMER_INTELLIGENCE_QUICK_TESTS=1 .venv/bin/python -m pytest --quiet -rfE

# Before every commit to main.
test: lint
	cd $(call quoted,ROOT) && .venv/bin/python -m pytest --numprocesses auto --maxprocesses 4 \
		--dist loadfile --no-loadscope-reorder

# What needs the package index, a browser for long, or builds that `make test` has no time for.
test-tools: $(TREE).venv/installed-dev conventions
	cd $(call quoted,ROOT) && PYTHONPATH=tests/python .venv/bin/python -m pytest -p conftest tests/engines
	cd $(call quoted,ROOT) && ALL_LOOKS=1 ALL_BUILDS=1 EXPORTS_OF_A_KIND=3 .venv/bin/python -m pytest \
		tests/python/test_browser.py tests/python/test_build.py tests/python/test_check_data.py \
		tests/python/test_drift.py tests/python/test_faults.py tests/python/test_presets.py

# dbt-bouncer on dbt's manifest: dbt-bouncer.yml states what holds for every model.
conventions: $(TREE).venv/installed $(TREE).venv/conventions/installed
	$(DBT) parse --quiet
	cd $(call quoted,ROOT) && DBT_PROJECT_DIR=$(call quoted,PLACE)/build .venv/conventions/bin/dbt-bouncer run

# Half an hour: made-up shops that grow, and whole builds that add loads.
test-incremental: $(TREE).venv/installed-dev
	cd $(call quoted,ROOT) && INCREMENTAL_SHOPS=500 .venv/bin/python -m pytest --numprocesses auto \
		--maxprocesses 4 tests/python/test_incremental.py

# The sample whole on Spark and on DuckDB, every table compared. Needs Java 17 or later.
test-spark: $(TREE).venv/spark/installed
	cd $(call quoted,ROOT) && .venv/spark/bin/python -m pytest -p no:cacheprovider tests/spark

# What takes hours.
test-faults: $(TREE).venv/installed-dev
	cd $(call quoted,ROOT) && .venv/bin/python -m tests.faults $(call option,only,ONLY)

# Everything else that runs on the machine meanwhile is in the figures: leave it alone.
bench: $(TREE).venv/installed $(TREE).venv/bench/installed
	cd $(call quoted,ROOT) && .venv/bin/python -m benchmarks.speed $(call option,sizes,SIZES) \
		$(call option,runs,RUNS) $(call option,quick,QUICK) $(call option,add,ADD)

bench-dashboard: $(TREE).venv/installed-dev
	cd $(call quoted,ROOT) && .venv/bin/python -m benchmarks.dashboard $(IN_DATA_DIR)

scoreboard: $(TREE).venv/installed-dev
	cd $(call quoted,ROOT) && OMP_NUM_THREADS=1 .venv/bin/python -m benchmarks.scoreboard \
		$(call option,logs,LOGS) $(IN_DATA_DIR)

LINT_PYTHON = cd $(call quoted,ROOT) && .venv/bin/ruff check --quiet . && .venv/bin/ruff format --quiet --check . && \
	.venv/bin/mypy --no-error-summary && .venv/bin/bandit --quiet --recursive src dashboard python_models

lint: $(TREE).venv/installed-dev
	$(LINT_PYTHON)
	cd $(call quoted,ROOT) && find models tests analyses -name '*.sql' -print0 \
		| xargs -0 -n 40 -P 2 .venv/bin/sqlfluff lint
	cd $(call quoted,ROOT) && .venv/bin/python -m tools.portable_sql

methodology: $(TREE).venv/installed
	cd $(call quoted,ROOT) && .venv/bin/python -m tools.doc_tables $(IN_DATA_DIR) \
		--blocks models/methodology.md docs/methodology/*.md
	$(DBT) compile --quiet --no-introspect --select path:analyses $(call option,vars,VARS)
	cd $(call quoted,ROOT) && .venv/bin/python -m tools.doc_tables $(IN_DATA_DIR) \
		--analyses docs/analyses.md

tables: $(TREE).venv/installed
	cd $(call quoted,ROOT) && .venv/bin/python -m tools.model_tables

# Tutorial and pictures go into the repository: they must not show anybody's own customers.
OF_THE_SAMPLE = @test ! -d $(call quoted,PLACE)/raw || { \
	echo 'DATA_DIR holds loads of your own: name one in which the sample was built.' >&2; exit 2; }

tutorial: $(TREE).venv/installed
	$(OF_THE_SAMPLE)
	cd $(call quoted,ROOT) && .venv/bin/python -m tools.doc_tables $(IN_DATA_DIR) docs/tutorial.md
	cd $(call quoted,ROOT) && .venv/bin/python -m tools.transcript $(IN_DATA_DIR) docs/agents.md

pictures: $(TREE).venv/installed-dev
	$(OF_THE_SAMPLE)
	$(DBT) docs generate
	cd $(call quoted,ROOT) && .venv/bin/python -m tools.pictures $(IN_DATA_DIR)

sample: $(TREE).venv/installed
	cd $(call quoted,ROOT) && .venv/bin/python -m tools.sample

LOCK := .venv/bin/uv pip compile pyproject.toml --universal --python-version 3.11 \
	--generate-hashes --no-strip-extras --no-header --no-annotate --quiet --upgrade

lock: $(TREE).venv/installed-dev
	cd $(call quoted,ROOT) && $(LOCK) --extra install --extra build --extra dashboard --extra mcp -o requirements.txt
	cd $(call quoted,ROOT) && $(LOCK) --extra install --extra build --extra dashboard --extra mcp --extra postgres \
		--extra dev -o requirements-dev.txt
	cd $(call quoted,ROOT) && $(LOCK) --extra install --extra build --extra spark --group spark-tests \
		-o requirements-spark.txt
	cd $(call quoted,ROOT) && $(subst pyproject.toml,--group conventions,$(LOCK)) -o requirements-conventions.txt
	cd $(call quoted,ROOT) && $(subst pyproject.toml,--group bench,$(LOCK)) -o requirements-bench.txt
	cd $(call quoted,ROOT) && $(subst pyproject.toml,--group superset,$(LOCK)) -o requirements-superset.txt

clean:
	rm -rf -- $(call quoted,PLACE)/build/target $(call quoted,PLACE)/build/logs \
		$(call quoted,PLACE)/build/tmp $(call quoted,PLACE)/build/warehouse.duckdb*
	cd $(call quoted,ROOT) && rm -rf target logs .pytest_cache .ruff_cache .mypy_cache
