# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What scripts/demo and scripts/try have in common: get ready, show progress,
# run the guest.

: "${KERNEL:=6.1}"
export KERNEL

elapsed() { echo $(($(date +%s) - started)); }
step() { printf '[%3d s] %s\n' "$(elapsed)" "$*"; }

# $bin: the programs, and out/ for what the guest leaves
demo_begin() {
	started=$(date +%s)
	bin=$(mktemp -d "${TMPDIR:-/tmp}/fmapfs-demo.XXXXXX")
	trap 'rm -rf "$bin"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	chmod 755 "$bin"
}

demo_prepare() {
	step "looking for what is needed"
	scripts/deps --install
	step "building the module for Linux $KERNEL (kernel and headers are downloaded once)"
	scripts/vm/module -q "$KERNEL" >/dev/null
	cc -O2 -std=gnu11 -Iinclude -o "$bin/explain" scripts/demo.d/explain.c
	cc -O2 -std=gnu11 -o "$bin/scan" scripts/demo.d/scan.c
}

# run_guest ARGUMENT...: those of scripts/vm/run. Its status, and the reason
# unless that was the program's own.
run_guest() {
	code=0
	scripts/vm/run -q -k "$KERNEL" -o "$bin/out" "$@" || code=$?
	reason=$(cut -d ' ' -f 2- "$bin/out/status" 2>/dev/null) || :
	case $code-$reason in
	0-* | *-"the command's own") ;;
	*) echo "The guest ended with status $code: $reason" >&2 ;;
	esac
	return "$code"
}
