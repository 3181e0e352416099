#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# fio writes files in random order, each block with its checksum, by mappings
# and by all kinds of system calls. What is written on one side has to be read
# on both, with nothing cached.
#
#	FULL=1		larger files, more kinds of system calls
#
# shellcheck disable=SC2317 # called by name
. "$(dirname "$0")/lib.sh"

fmap_begin "$0" "$@"

# NAME_direct is NAME without the page cache.
engines="mmap sync io_uring libaio_direct"
size=8m
block=16k
if [ "${FULL-}" ]; then
	engines="$engines psync pvsync2 libaio io_uring_direct"
	size=32m
	block=4k
fi

plain=$FMAP_LOWER/fio-plain
below=$FMAP_LOWER/fio

clean_up() {
	rm -rf "$plain" "$below" "$fmap_tmp"
}
trap clean_up EXIT

# section ENGINE
section() {
	echo "[$1]"
	echo "ioengine=${1%_direct}"
	echo "direct=$([ "$1" = "${1%_direct}" ]; echo $?)"
	case $1 in
	io_uring* | libaio*) echo "iodepth=8" ;;
	esac
}

# job DIR: one section after the other, each with a file of its own
job() {
	cat <<-END
		[global]
		directory=$1
		rw=randwrite
		bs=$block
		size=$size
		verify=crc32c
		verify_fatal=1
		fsync=128
		stonewall
		thread
	END
	for engine in $engines; do section "$engine"; done
}

# fio_at DIR LOG [OPTION]: log has a line for each engine, its error in field 5
fio_at() {
	dir=$1 log=$2
	shift 2
	job "$dir" >"$fmap_tmp/job"
	(cd "$fmap_tmp" && fio --output-format=terse --terse-version=3 "$@" job) \
		>"$fmap_tmp/$log" 2>&1
}

# error_of LOG ENGINE
error_of() {
	awk -F ';' -v job="$2" '$3 == job { print $5; found = 1 } END { exit !found }' \
		"$fmap_tmp/$1" || echo "no result"
}

# complain LOG ENGINE
complain() {
	grep -E "^fio: |verify|pid=|$2" "$fmap_tmp/$1" | cut -c 1-200 | head -n 10 | sed 's/^/# /'
}

# judge NAME ENGINE LOG...: as on the plain lower, in each of these
judge() {
	name=$1 engine=$2
	shift 2
	if [ "$(error_of plain "$engine")" != 0 ]; then
		why=$(sed -nE "/pid=0|$engine/s/^fio: //p" "$fmap_tmp/plain" | head -n 1)
		ktap_test_skip "$name" "$FMAP_LOWERFS itself: ${why:-error}"
		return
	fi
	for log in "$@"; do
		[ "$(error_of "$log" "$engine")" != 0 ] || continue
		ktap_print_msg "$log: error $(error_of "$log" "$engine")"
		complain "$log" "$engine"
		ktap_test_fail "$name"
		return
	done
	ktap_test_pass "$name"
}

command -v fio >/dev/null || ktap_skip_all "no fio here"
# shellcheck disable=SC2086
set -- $engines
ktap_set_plan $((2 * $#))

mkdir -p "$plain" "$below"
fio_at "$plain" plain
fio_at "$FMAP_MNT/fio" written-above
fmap_forget "$plain"/* "$below"/*
fio_at "$below" read-below --verify_only
fio_at "$FMAP_MNT/fio-plain" read-above --verify_only
for engine in $engines; do
	judge "$engine: written above, read above and below" "$engine" written-above read-below
	judge "$engine: written below, read above" "$engine" read-above
done
fmap_end
