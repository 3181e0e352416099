#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What a live mapping keeps alive, and what is left when it is gone: umount,
# lazy umount, rmmod, unlink, remount under it, two mounts of one directory,
# and many rounds of all.
# shellcheck disable=SC2317 # called by name
. "$(dirname "$0")/lib.sh"

here=$(cd "$(dirname "$0")" && pwd)
rounds=${ROUNDS:-15}

fmap_begin "$0" "$@"
ktap_set_plan 20

below=$FMAP_LOWER/lifetime
at=$(mktemp -d)
second=$(mktemp -d)
tmpfs=$(mktemp -d)
mapper=

clean_up() {
	[ -z "$mapper" ] || kill "$mapper" 2>/dev/null
	for dir in "$at" "$second" "$tmpfs"; do
		while mountpoint -q "$dir"; do umount -l "$dir" || break; done
		rmdir "$dir"
	done
	rm -rf "$below" "$fmap_tmp"
	mount_main
}
trap clean_up EXIT

# --- helpers ------------------------------------------------------------------

page=$(getconf PAGESIZE)

# make_file FILE: 32 pages
make_file() {
	dd if=/dev/zero of="$1" bs="$page" count=32 status=none
}

mount_at() {
	mount -t fmapfs "$@"
}

# hold FILE: a process that maps it, to be asked
hold() {
	rm -f "$fmap_tmp/to" "$fmap_tmp/from"
	mkfifo "$fmap_tmp/to" "$fmap_tmp/from"
	"$here/mapper" "$1" <"$fmap_tmp/to" >"$fmap_tmp/from" &
	mapper=$!
	exec 8>"$fmap_tmp/to" 9<"$fmap_tmp/from"
	read -r reply <&9
	[ "$reply" = mapped ]
}

ask() {
	echo "$*" >&8
	read -r reply <&9
}

# told REPLY REQUEST: ask, and the reply is this one
told() {
	ask "$2"
	[ "$reply" = "$1" ] || {
		ktap_print_msg "$2: $reply"
		return 1
	}
}

let_go() {
	ask quit
	wait "$mapper"
	mapper=
	exec 8>&- 9<&-
}

forget() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
}

module_out() {
	rmmod fmapfs
}

module_in() {
	if [ -n "${FMAP_MODULE-}" ]; then
		insmod "$FMAP_MODULE"
	else
		modprobe fmapfs
	fi
}

# fails WITH COMMAND...: COMMAND fails and says WITH
fails() {
	with=$1
	shift
	if said=$("$@" 2>&1); then
		ktap_print_msg "$* succeeded"
		return 1
	fi
	case $said in
	*"$with"*) ;;
	*)
		ktap_print_msg "$* said: $said"
		return 1
		;;
	esac
}

# The mount that we were given, away and back as it was.
main_line=$(awk -v at="$FMAP_MNT" '$2 == at && $3 == "fmapfs" { print $4 }' /proc/mounts)
main_device=$(mountpoint -d "$FMAP_MNT")

unmount_main() {
	umount "$FMAP_MNT"
}

mount_main() {
	[ -d /sys/module/fmapfs ] || module_in
	mountpoint -q "$FMAP_MNT" ||
		mount_at -o "$main_line" "$FMAP_LOWER" "$FMAP_MNT"
}

file_is() {
	[ "$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')" = "$3" ]
}

# --- with a live mapping --------------------------------------------------------

mkdir -p "$below"
make_file "$below/file"

test_busy() {
	mount_at "$below" "$at" && hold "$at/file" || return 1
	fails busy umount "$at" && told ok "fill 1"
}
ktap_test_result "umount with a live mapping is busy" test_busy

test_lazy() {
	umount -l "$at" || return 1
	! mountpoint -q "$at" || return 1
	told ok "check 1" && told ok drop && told ok "check 1"
}
ktap_test_result "umount -l leaves the mapping working" test_lazy

test_lazy_cold() {
	forget
	told ok drop
	forget
	told ok "check 1"
}
ktap_test_result "it still reads pages from the disk" test_lazy_cold

test_lazy_store() {
	told ok "put 3 77" && file_is "$below/file" $((3 * page)) 77 || return 1
	printf '\130' | dd of="$below/file" bs=1 seek=$((4 * page)) conv=notrunc status=none
	told 88 "get 4" || return 1
	truncate -s $((8 * page)) "$below/file"
	told SIGBUS "get 9" && told 77 "get 3"
}
ktap_test_result "its stores arrive, and a truncate reaches it" test_lazy_store

test_rmmod_refused() {
	unmount_main || return 1
	fails "in use" module_out
}
ktap_test_result "rmmod is refused while only the mapping is left" test_rmmod_refused

test_rmmod_after() {
	let_go
	module_out && module_in
}
ktap_test_result "rmmod works as soon as the mapping is gone" test_rmmod_after
ktap_test_result "the mount comes back" mount_main
ktap_test_eq "as the same device" "$main_device" "$(mountpoint -d "$FMAP_MNT")"

# A child has the mapping too; the parent's exit must not end it.
test_exit_of_holder() {
	make_file "$below/file"
	mount_at "$below" "$at" && hold "$at/file" || return 1
	kill -KILL "$mapper"
	wait "$mapper" 2>/dev/null
	mapper=
	exec 8>&- 9<&-
	umount "$at"
}
ktap_test_result "a killed process leaves nothing behind" test_exit_of_holder

# --- unlinked -------------------------------------------------------------------

free_blocks() {
	sync
	stat -f -c %f "$FMAP_LOWER"
}

# After it at most 1 MiB more is in use than before: the file was 16 MiB.
freed_since() {
	block=$(stat -f -c %S "$FMAP_LOWER")
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		gone=$((($1 - $(free_blocks)) * block))
		[ "$gone" -gt 1048576 ] || return 0
		sleep 0.2
	done
	ktap_print_msg "$gone bytes are still in use"
	return 1
}

test_unlinked() {
	before=$(free_blocks)
	mount_at "$below" "$at" || return 1
	dd if=/dev/zero of="$at/big" bs=1M count=16 status=none
	hold "$at/big" || return 1
	rm "$at/big"
	[ ! -e "$below/big" ] || return 1
	told ok "fill 2" && told ok "loop 2 1" && let_go && freed_since "$before"
}
ktap_test_result "an unlinked file stays while it is mapped, and then goes" test_unlinked

test_unlinked_below() {
	before=$(free_blocks)
	dd if=/dev/zero of="$at/big" bs=1M count=16 status=none
	hold "$at/big" || return 1
	rm "$below/big"
	told ok "fill 3" && told ok "loop 3 1" && let_go || return 1
	forget
	freed_since "$before" && umount "$at"
}
ktap_test_result "the same when it is unlinked below" test_unlinked_below

test_unlinked_open() {
	mount_at "$below" "$at" || return 1
	make_file "$at/open"
	exec 7<>"$at/open"
	rm "$at/open"
	echo something >&7
	[ "$(head -c 9 /proc/self/fd/7)" = something ] || return 1
	fails busy umount "$at" || return 1
	exec 7>&-
	umount "$at"
}
ktap_test_result "an open file can be used after unlink" test_unlinked_open

# --- two mounts -------------------------------------------------------------------

test_two_agree() {
	make_file "$below/file"
	mount_at "$below" "$at" && mount_at "$below" "$second" || return 1
	hold "$at/file" && told ok "fill 4" || return 1
	cmp "$at/file" "$second/file" || return 1
	printf '\143' | dd of="$second/file" bs=1 seek="$page" conv=notrunc status=none
	told 99 "get 1" && told ok "put 2 98" && file_is "$second/file" $((2 * page)) 98 &&
		file_is "$below/file" $((2 * page)) 98
}
ktap_test_result "two mounts of one directory agree" test_two_agree

test_two_count() {
	one=$(fmap_stat mkw_calls "$at")
	two=$(fmap_stat mkw_calls "$second")
	calls=$(fmap_stat map_calls "$second")
	told ok drop && told ok "fill 5" && let_go || return 1
	[ "$(fmap_stat mkw_calls "$second")" = "$two" ] &&
		[ "$(fmap_stat map_calls "$second")" = "$calls" ] || return 1
	[ "$(fmap_stat flt_calls "$at")" -gt 0 ] || return 1
	[ "$(fmap_debugfs "$at")" != "$(fmap_debugfs "$second")" ] || return 1
	# tmpfs has no page_mkwrite
	[ "$FMAP_LOWERFS" = tmpfs ] || [ "$one" -gt 0 ] || return 1
	fmap_check_sums "$(fmap_debugfs "$at")" &&
		fmap_check_sums "$(fmap_debugfs "$second")"
}
ktap_test_result "each counts for itself" test_two_count

test_two_gone() {
	dir=$(fmap_debugfs "$second")
	umount "$at" && umount "$second" && [ ! -e "$dir" ]
}
ktap_test_result "their debugfs directories go with them" test_two_gone

# --- remount ----------------------------------------------------------------------

# While the mapping is read all the time.
test_remount() {
	mount_at "$below" "$at" && hold "$at/file" && told ok "fill 6" || return 1
	echo "loop 6 150" >&8
	for _ in 1 2 3; do
		for options in engine=native around=64k engine=pin around=off \
			       around=table readahead=off around=adaptive around=kernel readahead=adaptive \
			       readahead=kernel; do
			mount -o "remount,$options" "$at" || return 1
		done
	done
	read -r reply <&9
	[ "$reply" = ok ]
}
ktap_test_result "remount under a mapping that is being read" test_remount

# Once a mapping, for good: what is in force is looked up at each fault.
test_remount_counts() {
	mount -o remount,engine=native "$at" || return 1
	native=$(fmap_stat flt_native "$at")
	around=$(fmap_stat fa_native "$at")
	told ok "loop 6 1" || return 1
	[ $(($(fmap_stat flt_native "$at") + $(fmap_stat fa_native "$at"))) -gt \
		$((native + around)) ] || return 1
	mount -o remount,engine=pin "$at" || return 1
	native=$(fmap_stat flt_native "$at")
	told ok "loop 6 1" && [ "$(fmap_stat flt_native "$at")" = "$native" ] || return 1
	fmap_check_sums "$(fmap_debugfs "$at")" && let_go && umount "$at"
}
ktap_test_result "the mapping follows engine= at once" test_remount_counts

# --- many times --------------------------------------------------------------------

slab_objects() {
	grep -c '^fmap' /proc/slabinfo
}

percpu_kb() {
	awk '/^Percpu:/ { print $2 }' /proc/meminfo
}

# Over a tmpfs of its own, so that it can be seen to be free again.
some_rounds() {
	"$here/rounds" "$1" "$fmap_tmp/module" "$tmpfs" "$at"
}

test_rounds() {
	unmount_main && module_out && mount -t tmpfs tmpfs "$tmpfs" || return 1
	cp "${FMAP_MODULE:-$(modinfo -n fmapfs)}" "$fmap_tmp/module"
	make_file "$tmpfs/file"
	some_rounds 1 || return 1
	percpu=$(percpu_kb)
	some_rounds $((rounds - 1)) &&
		"$here/rounds" 2 "$fmap_tmp/module" "$below" "$at"
}
ktap_test_result "$rounds rounds of insmod, mount, map, umount, rmmod" test_rounds

test_nothing_left() {
	[ "$(slab_objects)" = 0 ] && [ ! -e /sys/module/fmapfs ] &&
		[ ! -e /sys/kernel/debug/fmapfs ] || return 1
	ktap_print_msg "Percpu: $percpu kB after the first round, $(percpu_kb) kB after the last"
	[ $(($(percpu_kb) - percpu)) -lt 128 ]
}
ktap_test_result "no slab cache, debugfs entry or per-CPU memory is left" test_nothing_left

test_lower_free() {
	umount "$tmpfs" && mount_main
}
ktap_test_result "the lower filesystem is not busy" test_lower_free

fmap_end
