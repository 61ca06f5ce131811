# Every command sets itself up: a fresh Debian with the .NET 10 SDK, git and make is enough (scripts/setup.sh).

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test build bench soak simulate false-failover coverage format clean

export DOTNET_NOLOGO := 1
export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export MSBUILDDISABLENODEREUSE := 1

SEEDS ?= 1000
SCENARIO ?=
MINUTES ?= 10
STEP_SECONDS ?=

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

run: ## Start a three-node group on this machine; Ctrl-C ends it
	@scripts/setup.sh run
	@$(MAKE) --no-print-directory build
	@scripts/run.sh

test: ## Build, check the format, run every test; the last line counts them
	@scripts/setup.sh test
	@scripts/test.sh

soak: ## The same tests at their full counts (tests/counts.conf); prints the counts reached
	@scripts/setup.sh test
	@APPLIANCE_TEST_PROFILE=soak scripts/test.sh

simulate: ## Simulate whole groups: make simulate SEEDS=5000
	@scripts/setup.sh build
	@APPLIANCE_TEST_COUNTS="simulation.seeds=$(SEEDS)" dotnet test tests/Simulation.Tests -c Release --logger "console;verbosity=detailed"

coverage: ## The parsers' own tests; prints the branches covered of each parser file
	@scripts/setup.sh build
	@scripts/coverage.sh

build: ## The program at out/appliance, one file that needs no .NET on its host
	@scripts/setup.sh build
	@dotnet publish src/Appliance -c Release -r linux-x64 --self-contained -v quiet -p:PublishSingleFile=true -p:PublishReadyToRun=true -p:PublishReadyToRunComposite=false -p:DebugType=embedded -p:RunAnalyzers=false -o out/publish
	@cp out/publish/appliance out/appliance
	@echo "out/appliance"

bench: ## Benchmarks beside the peers, JSON in out/bench (make bench SCENARIO=resp for one)
	@scripts/setup.sh test
	@scripts/bench.sh $(SCENARIO)

false-failover: ## No takeover under full load and 1 % loss: make false-failover MINUTES=10; the smallest dead-after: STEP_SECONDS=60
	@scripts/setup.sh test
	@MINUTES=$(MINUTES) STEP_SECONDS=$(STEP_SECONDS) scripts/bench.sh false-failover

format: ## Format the sources
	@dotnet format Appliance.sln

clean: ## Remove what was built
	@rm -rf out
	@dotnet clean Appliance.sln -c Release -v quiet
