# SPDX-License-Identifier: GPL-2.0
#
# Verbs only; what they do is in scripts/. The module's objects are in Kbuild.

KERNEL ?=
KDIR ?=
PREFIX ?= /usr/local
export KERNEL KDIR SRC OUT KCFLAGS KERNELS LOWERS TESTS

# As they were written, shell characters and all
override CMD := $(value CMD)
override DIR := $(value DIR)
export CMD DIR

modules:
	+@scripts/vm/module $(or $(KERNEL),host)

demo: deps
	@scripts/demo

try: deps
	@scripts/try "$$CMD" "$$DIR"

# 20 minutes at most: one kernel, if no other is named
bench: override KERNELS := $(or $(KERNELS),6.12)
bench: FULL :=
bench-full: FULL := --full
bench bench-full: deps
	@scripts/bench/cold
	@scripts/bench/run $(FULL)
	@scripts/bench/counting
	@scripts/bench/blocking

check soak: deps
	@scripts/check/$(subst check,all,$@)

check-debug mutants coverage: deps
	@scripts/deps --install debug
	@scripts/check/$(subst check-,,$@)

fuzz: deps
	@scripts/deps --install fuzz
	@$(MAKE) --no-print-directory -C tests/fuzz run SECONDS=$(or $(SECONDS),60)

deps:
	@scripts/deps --install

install: override KERNEL :=
install: modules
	$(MAKE) -C $(or $(KDIR),/lib/modules/$(shell uname -r)/build) \
		M=$(CURDIR)/build/host modules_install
	depmod -a
	install -D -m 644 src/fmapfs.5 $(PREFIX)/share/man/man5/fmapfs.5

clean:
	rm -rf build

help:
	@sed -n 's/^#: \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

#: make                     the module for the running kernel, or for KDIR=...
#: make modules KERNEL=6.1  the module for a test kernel, in build/6.1
#:                          (also SRC= another tree, OUT= another directory,
#:                          KCFLAGS=, W=1, C=2, V=1)
#: make demo                real programs through fmapfs, in a virtual machine
#: make try CMD='./prog args' DIR=path
#:                          your own program over a copy of a directory
#: make check               all tests; narrow with KERNELS= LOWERS= TESTS=
#: make soak                the long tests: seeded, can be resumed
#: make check-debug         the tests on a kernel with KASAN, lockdep and so on,
#:                          built here once; can be resumed
#: make mutants             plants bugs and checks that the tests catch them; some
#:                          on the kernel of check-debug; narrow with KERNELS=
#: make coverage            which lines of src/ the tests reach, and why not the
#:                          others; on a kernel of its own, built here once
#: make fuzz SECONDS=60     the policies under libFuzzer, so long
#: make bench               the benchmarks, on one kernel: build/bench/report.md
#: make bench-full          on all kernels and lower filesystems; can be resumed
#: make install             the module and the manual page, on this machine
#: make clean               removes build/
#: demo, try, bench, fuzz and all that checks install the packages they lack
#: (scripts/deps lists them) and keep kernels in ~/.cache/fmapfs.

.PHONY: modules demo try bench bench-full fuzz check check-debug soak mutants coverage deps install clean help
