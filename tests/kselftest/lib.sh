# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Common part of the shell tests. A test begins with
#
#	. "$(dirname "$0")/lib.sh"
#	fmap_begin "$0" "$@"	# KTAP header; FMAP_MNT is mounted afterwards
#	ktap_set_plan 3		# tests of its own, the sum rules not counted
#
# and ends with
#
#	fmap_end		# checks the sum rules, prints totals, exits
#
# The guest of scripts/vm/run brings the mounts and these variables; elsewhere
# with_mount makes them:
#
#	FMAP_LOWER	the lower directory	FMAP_MNT	the mount over it
#	FMAP_DEBUGFS	debugfs directory of the mount
#	FMAP_LOWERFS	type of the lower file system

KSFT_PASS=0
KSFT_FAIL=1
KSFT_SKIP=4

# --- KTAP -------------------------------------------------------------------

ktap_number=0
ktap_planned=
ktap_pass=0
ktap_fail=0
ktap_skip=0

ktap_print_header() {
	echo "KTAP version 1"
}

ktap_print_msg() {
	printf '# %s\n' "$*"
}

# The sum rules are one test more than the test's own.
ktap_set_plan() {
	ktap_planned=$(($1 + 1))
	echo "1..$ktap_planned"
}

ktap_skip_all() {
	echo "1..0 # SKIP $*"
	exit $KSFT_SKIP
}

ktap_test_pass() {
	ktap_number=$((ktap_number + 1))
	ktap_pass=$((ktap_pass + 1))
	echo "ok $ktap_number $1"
}

ktap_test_fail() {
	ktap_number=$((ktap_number + 1))
	ktap_fail=$((ktap_fail + 1))
	echo "not ok $ktap_number $1"
}

# ktap_test_skip NAME [WHY]
ktap_test_skip() {
	ktap_number=$((ktap_number + 1))
	ktap_skip=$((ktap_skip + 1))
	echo "ok $ktap_number $1 # SKIP${2:+ $2}"
}

# ktap_test_result NAME COMMAND...: ok if COMMAND succeeds
ktap_test_result() {
	ktap_name=$1
	shift
	if "$@"; then
		ktap_test_pass "$ktap_name"
	else
		ktap_test_fail "$ktap_name"
	fi
}

# ktap_test_eq NAME EXPECTED GOT
ktap_test_eq() {
	if [ "$2" = "$3" ]; then
		ktap_test_pass "$1"
	else
		ktap_print_msg "$1: expected '$2', got '$3'"
		ktap_test_fail "$1"
	fi
}

ktap_exit_fail_msg() {
	echo "Bail out! $*"
	exit $KSFT_FAIL
}

ktap_finished() {
	echo "# Totals: pass:$ktap_pass fail:$ktap_fail xfail:0 xpass:0 skip:$ktap_skip error:0"
	[ "$ktap_fail" = 0 ] || exit $KSFT_FAIL
	[ "$ktap_number" = "${ktap_planned:-$ktap_number}" ] || exit $KSFT_FAIL
	[ "$ktap_pass" != 0 ] || exit $KSFT_SKIP
	exit $KSFT_PASS
}

# --- the mount --------------------------------------------------------------

# fmap_begin "$0" "$@": a header, and a mount of our own if nobody made one
fmap_begin() {
	[ -n "${FMAP_MNT-}" ] || exec "$(dirname "$1")/with_mount" "$@"
	ktap_print_header
	fmap_tmp=$(mktemp -d)
	trap 'rm -rf "$fmap_tmp"' EXIT
}

fmap_end() {
	fmap_sums_test
	ktap_finished
}

# fmap_remount OPTIONS
fmap_remount() {
	mount -o "remount,$1" "$FMAP_MNT"
}

# fmap_debugfs MNT: the debugfs directory of another mount
fmap_debugfs() {
	echo "/sys/kernel/debug/fmapfs/$(mountpoint -d "$1")"
}

# fmap_forget FILE...: nothing of these is cached any more, and the rest still is
fmap_forget() {
	for fmap_file in "$@"; do
		dd of="$fmap_file" oflag=nocache conv=notrunc,fdatasync count=0 status=none
	done
}

# --- counters ---------------------------------------------------------------

# fmap_stat NAME [MNT]: value of one counter
fmap_stat() {
	awk -v name="$1" '$1 == name { print $2; found = 1 }
		END { if (!found) { print "no-such-counter"; exit 1 } }' \
		"$(if [ -n "${2-}" ]; then fmap_debugfs "$2"; else echo "$FMAP_DEBUGFS"; fi)/stats"
}

# fmap_snap NAME: remember all counters under a name of the test's own choice
fmap_snap() {
	cp "$FMAP_DEBUGFS/stats" "$fmap_tmp/snap-$1"
}

# fmap_delta SNAP COUNTER: how much it has grown since fmap_snap SNAP
fmap_delta() {
	awk -v name="$2" '$1 == name && NR == FNR { old = $2 }
		$1 == name && NR != FNR { print $2 - old; found = 1 }
		END { if (!found) { print "no-such-counter"; exit 1 } }' \
		"$fmap_tmp/snap-$1" "$FMAP_DEBUGFS/stats"
}

# fmap_check_sums [DEBUGFS]: every (group, total) rule of schema holds in stats
fmap_check_sums() {
	fmap_dir=${1:-$FMAP_DEBUGFS}
	awk -F '\t' '
		NR == FNR {
			if (NF != 4) { print "# schema line " FNR ": " $0; bad = 1 }
			group[$1] = $2; total[$1] = $3
			next
		}
		{
			split($0, stat, " ")
			name = stat[1]
			value[name] = stat[2]
			if (!(name in group)) { print "# not in schema: " name; bad = 1 }
			if (total[name] != "none")
				sum[group[name] " " total[name]] += stat[2]
		}
		END {
			for (rule in sum) {
				split(rule, part, " ")
				rules++
				if (sum[rule] == value[part[2]] && part[2] in group)
					continue
				print "# group " part[1] " adds up to " sum[rule] \
				      ", " part[2] " is " value[part[2]]
				bad = 1
			}
			if (!rules) { print "# no sum rules in schema"; bad = 1 }
			exit bad
		}' "$fmap_dir/schema" "$fmap_dir/stats"
}

fmap_sums_test() {
	ktap_test_result "sum rules hold" fmap_check_sums
}
