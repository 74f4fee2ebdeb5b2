# Video Club. `make run` shows it at work, `make test` proves it; both need Go
# and make alone.

GO       ?= go
BIN      := bin
DIST     := dist
FUZZTIME ?= 20s
VULNDB   ?= https://vuln.go.dev
# Static binaries run on every distribution.
export CGO_ENABLED ?= 0

prefix     ?= /usr
sysconfdir ?= /etc

PROGRAMS := vccs vcvrs vcuser vcadmin
SOURCES  := $(shell find daemons clients internal -name "*.go") go.mod go.sum $(wildcard .git/logs/HEAD)

# What packages are made for, and how often of one version.
ARCHITECTURES ?= amd64 arm64
RELEASE       ?= 1

.PHONY: all build run test race lint vulnerabilities fuzz e2e bench package install clean

all: build

build: $(PROGRAMS:%=$(BIN)/%)

# Without the path of the sources and the symbols, which stack traces do not
# need; with the version of the sources, where git knows it.
BUILD := $(GO) build -trimpath -ldflags='-s -w' -buildvcs=$(if $(shell git rev-parse --verify HEAD 2>/dev/null),true,false)

$(BIN)/vccs $(BIN)/vcvrs: $(SOURCES)
	$(BUILD) -o $@ ./daemons/$(@F)

$(BIN)/vcuser $(BIN)/vcadmin: $(SOURCES)
	$(BUILD) -o $@ ./clients/$(@F)

# A central server and a reception on loopback, and a delivery of VIDEO, by
# default a sample that is made; ONCE=1 ends when it is delivered.
run: build
	$(GO) run ./internal/demo --bin $(BIN) $(if $(VIDEO),--video "$(VIDEO)") $(if $(ONCE),--once)

test:
	$(GO) test ./...

# The race detector needs gcc.
race:
	CGO_ENABLED=1 $(GO) test -race -timeout 20m ./...

lint:
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags root ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 -tags root ./...
	$(GO) mod verify
	@$(MAKE) --no-print-directory vulnerabilities

# Known vulnerabilities in what is called here, which fail. They are in a database
# of Go's, or in a copy of it: where one package cannot be looked up in 30 s,
# it says that nobody has looked, and goes on.
vulnerabilities:
	@GOBIN="$(abspath $(BIN))/tools" $(GO) install golang.org/x/vuln/cmd/govulncheck@v1.9.0
	@said=$$(timeout 30 $(BIN)/tools/govulncheck -db $(VULNDB) ./internal/reason 2>&1); status=$$?; \
	case "$$status $$said" in \
	  0\ *|3\ *) echo "govulncheck ./..."; exec timeout 600 $(BIN)/tools/govulncheck -db $(VULNDB) -tags root -test ./... ;; \
	  124\ *|*"fetching vulnerabilities"*) \
	    printf 'govulncheck was NOT run, its database cannot be reached: %s\n' "$${said:-no answer in 30 s}" >&2 ;; \
	  *) printf '%s\n' "$$said" >&2; exit "$$status" ;; \
	esac

# Every fuzz target for FUZZTIME in turn.
fuzz:
	@for package in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
	    echo "$$package $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
	  done; done

# The long form of the end-to-end tests: 200 faults instead of 30, 1,000 requests
# under kills instead of 150; and a minute of 2,000 hostile peers, alone, as it
# looks at the pace of others. VC_HUGE=100 makes the large file of a folder one of
# 100 GB instead of one, which takes 20 minutes and a disk that has the room.
#
# Root, on Debian: the packages in trees of Debian and rpm, which are got and kept
# in /var/cache/vc-lab, and on a machine of qemu's with a camera and a sound card,
# for which Debian's kernel has drivers; hosts in network namespaces, and real mail
# servers, whose packages are fetched and not installed; recordings as ffmpeg reads
# them; these drivers alone, call by call; hosts with a systemd of their own, which
# go through restarts, kills, reboots, cuts and a full disk; a reception under qemu
# that loses its power 20 times; and both consoles in Chromium, whose driver npm
# fetches into the same cache: VC_SCREENS=docs/screens keeps the pictures that it
# takes of each page.
e2e: package
	VC_PACKAGES="$(abspath $(DIST))" $(GO) test -tags root -count=1 -timeout 40m ./internal/installed
	$(GO) test -tags root -count=1 -timeout 15m ./internal/capture ./internal/record ./internal/encode ./internal/studio
	VC_PACKAGES="$(abspath $(DIST))" $(GO) test -tags root -count=1 -timeout 15m -v ./internal/lab
	$(GO) test -tags root -count=1 -timeout 5m -v -run '^TestWatchingIsCheap$$' ./internal/console
	VC_FAULTS=200 VC_REQUESTS=1000 $(GO) test -tags root -count=1 -timeout 40m ./internal/e2e
	VC_SIEGE=60 $(GO) test -count=1 -timeout 5m -run '^TestSiege$$' -v ./internal/e2e

# The figures of the README, next to scp and rsync in the same run.
bench: build
	$(GO) run ./internal/bench --bin $(BIN)

# Programs, man pages, units, completions and settings, into DESTDIR. Settings
# that are there already stay as they are.
install: build
	$(GO) run ./internal/packaging -bin $(BIN) -destdir "$(DESTDIR)" -prefix "$(prefix)" -sysconfdir "$(sysconfdir)" install

# A .deb and an .rpm of each part for each architecture, into dist. In the
# environment, MAINTAINER is whom to write to about them, and SOURCE_DATE_EPOCH
# how old they are, instead of the commit.
package: build
	for arch in $(ARCHITECTURES); do $(MAKE) --no-print-directory BIN=$(BIN)/$$arch GOARCH=$$arch build || exit 1; done
	$(GO) run ./internal/packaging -bin $(BIN) -run $(BIN) -out $(DIST) -architectures "$(ARCHITECTURES)" -release $(RELEASE) package

clean:
	rm -rf $(BIN) $(DIST)
