# Every target is one line; .ci/run calls the same ones. GO, FUZZTIME and GATEWAYS can be set from outside.
GO ?= go
FUZZTIME ?= 20s
GATEWAYS ?= 2
COMPOSE ?= docker compose
MODULES = $(shell $(GO) list -m -f '{{.Dir}}')
COMMANDS = api presence gateway demo channelstream
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
CLIENTS = services/gateway/internal/stockclient
DEBS = haproxy nginx-light caddy chromium python3-socketio python3-aiohttp python3-websockets prometheus
NPM = tests/compat tests/load/socketio

# each runs a command in the directory of every module, and ends with the first that fails.
each = for dir in $(MODULES); do (cd $$dir && $(1)) || exit 1; done

.PHONY: run build test compat clients stories flood lint deps apt-deps tidy-check isolated arch socketio-client screenshots fuzz bench bench-smoke compose-up clean
.DEFAULT_GOAL := run

run: build ## start everything in one process on 127.0.0.1:8000, data in ./data
	./bin/channelstream
build: ## build every program into bin/, with the stock Socket.IO clients if Node and npm are there
	@$(MAKE) --no-print-directory socketio-client || echo 'Without Node, npm and the network this build has no Socket.IO client to serve; all else works.'
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ $(foreach c,$(COMMANDS),./services/$(c)/cmd/$(c))
test: deps ## run all tests with the race detector
	$(GO) test -race -shuffle=on work
compat: deps ## play every case with every client, and write the table of docs/clients.md
	$(GO) test -count=1 -timeout 20m ./tests/compat -run Every -args -compat=all -compat.update
clients: ## play a quarter of that
	$(GO) test -count=1 ./tests/compat -run Every
stories: ## tell thousands of random stories to clients that drop and come back, and compare what they see
	$(GO) test -count=1 ./tests/property
flood: ## attack a server and see that its other clients, its memory and its sessions stay as they were
	$(GO) test -count=1 ./tests/flood
lint: ## check format, go vet and staticcheck
	@./.ci/lint $(STATICCHECK) $(MODULES)
deps: socketio-client ## install what tests need: Go modules and npm packages
	$(GO) mod download && for dir in $(NPM); do npm ci --silent --no-audit --no-fund --prefix $$dir || exit 1; done
apt-deps: ## install what tests need of Debian or Ubuntu, unless it is there: proxies, Chromium, Python's clients, and promtool
	@dpkg --status $(DEBS) >/dev/null 2>&1 || $(if $(filter 0,$(shell id -u)),,sudo) sh -c 'apt-get update && apt-get install -y --no-install-recommends $(DEBS)'
tidy-check: ## fail if a go.mod or go.sum is not tidy
	$(call each,$(GO) mod tidy -diff)
isolated: ## build and vet every module by itself
	$(call each,GOWORK=off $(GO) build ./... && GOWORK=off $(GO) vet ./...)
arch: ## check the import rules
	$(GO) test -count=1 ./tests/arch/...
socketio-client: ## fetch the stock Socket.IO clients that the gateway serves, unless they are there
	@node $(CLIENTS)/fetch.mjs
screenshots: ## picture the admin page as the README shows it, in two minutes
	dir=$$(mktemp -d) && $(GO) test -count=1 ./tests/compat -run AdminPage -args -compat.screenshots $$dir && mkdir -p docs/images && cp $$dir/admin-overview-light.png $$dir/admin-overview-dark.png docs/images/
fuzz: ## run every fuzz target for FUZZTIME
	./.ci/fuzz $(FUZZTIME) $(MODULES)
bench: ## measure beside the floor and a stock Socket.IO server
	cd tests && $(GO) run ./load/cmd/bench
bench-smoke: ## a few seconds of load, to see that nothing is lost
	cd tests && $(GO) run ./load/cmd/bench -smoke
compose-up: ## build the images and start the distributed stack and the demo on port 8000
	$(COMPOSE) --profile demo up --build --detach --scale gateway=$(GATEWAYS)
clean: ## remove what was built
	rm -rf bin dist
