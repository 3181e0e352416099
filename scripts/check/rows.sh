# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Guests whose results are kept, for scripts/check/soak and scripts/check/debug:
# a row that passed is not run again as long as the module's source and its
# tests are the same, so a run that was cut short goes on where it was. FORCE=1
# runs all, JOBS= says how many at a time, ROWS='storms* *-xfs-*' are patterns
# of the names of those to run. UNTIL= is when it is over, in seconds since 1970:
# what there is no time for until then is skipped. Results are KTAP.
#
# Wants $work, a directory, $jobs, and in $vm_options an array of options of
# scripts/vm/run for all.
# shellcheck disable=SC2154

number=0
pids=()
# Kernels that are not there, and why.
declare -A without
# Less time than that is too little for a guest.
least=150
# What runs in the background does not see the terminal's signals.
trap 'trap - INT TERM; kill 0' INT TERM

# fingerprint TEST[:PART]...: of what their results depend on, which is all but
# the other tests
fingerprint() {
	local file name
	for file in Kbuild src/*.[ch] include/fmapfs/*.h tests/vm/kernels/* \
		tests/kselftest/*.[ch] tests/kselftest/*.sh; do
		name=${file##*/}
		name=${name%.*}
		if [[ "$file" != tests/kselftest/* || " ${*%%:*} " == *" $name "* ]] ||
			! grep -qxF "$name" build/kselftest/kselftest-list; then
			cat "$file"
		fi
	done | sha256sum | cut -c 1-16
}

# still_passed DIR: what it depends on is as it was when it passed
still_passed() {
	local print tests
	[ -e "$1/passed" ] || return 1
	read -r print tests <"$1/passed"
	# shellcheck disable=SC2086 # one a word
	[ "$print" = "$(fingerprint $tests)" ]
}

time_left() {
	echo $((${UNTIL:-9999999999} - $(date +%s)))
}

build_for() {
	local code=0 left
	left=$(time_left)
	timeout $((left > 1 ? left : 1)) scripts/vm/module -q "$1" >/dev/null || code=$?
	case $code in
	0) ;;
	4) without[$1]="no $1 kernel is to be had here" ;;
	124) without[$1]="no time was left to build it" ;;
	*) return $code ;;
	esac
}

# rows_begin KERNEL...: build all before anything is run
rows_begin() {
	local kernel
	mkdir -p "$work"
	rm -f "$work"/*/verdict
	make -s -C tests/kselftest OUTPUT="$PWD/build/kselftest"
	for kernel; do build_for "$kernel"; done
	echo "KTAP version 1"
}

row_guest() {
	local dir=$1 left=$2 seed=$3 kernel=$4 lower=$5 disk=$6 limit=$7 settings=$8
	local -a environment=("SEED=$seed") more
	shift 8
	if [ "$limit" -gt "$left" ]; then limit=$left; fi
	if [ "$settings" != - ]; then
		IFS=, read -ra more <<<"$settings"
		environment+=("${more[@]}")
	fi
	scripts/vm/run -q -k "$kernel" -f "$lower" -d "$disk" -t "$limit" \
		"${vm_options[@]}" -o "$dir/out" -- env "${environment[@]}" \
		FMAP_TEST_TIMEOUT="$limit" build/kselftest/run "$@" \
		</dev/null >"$dir/log" 2>&1
}

# verdict DIR NUMBER NAME ok|skip|'not ok' [WHY]
verdict() {
	mkdir -p "$1"
	echo "$4" >"$1/verdict"
	if [ "$4" = skip ]; then
		echo "ok $2 $3 # SKIP $5"
	else
		echo "$4 $2 $3${5:+ # $5}"
	fi
}

# NAME NUMBER SEED KERNEL and so on, as for row
run_row() {
	local name=$1 at=$2 dir=$work/$1 from=$SECONDS code=0 left print
	shift 2
	if [ -z "${FORCE-}" ] && still_passed "$dir"; then
		verdict "$dir" "$at" "$name" ok "passed before"
		return
	fi
	left=$(time_left)
	print=$(fingerprint "${@:7}")
	if [ -n "${without[$2]-}" ] || [ "$left" -lt $least ]; then
		verdict "$dir" "$at" "$name" skip "${without[$2]:-no time was left}"
		return
	fi
	rm -rf "$dir"
	mkdir -p "$dir/out"
	row_guest "$dir" "$left" "$@" || code=$?
	if [ $code = 0 ]; then
		echo "$print ${*:7}" >"$dir/passed"
		verdict "$dir" "$at" "$name" ok "time=$((SECONDS - from))s"
		return
	fi
	if [ $code = 124 ] && [ "$(time_left)" -le 1 ]; then
		verdict "$dir" "$at" "$name" skip "no time was left to end it"
		return
	fi
	verdict "$dir" "$at" "$name" 'not ok' "$(cat "$dir/out/status" 2>/dev/null)"
	grep -a -E '^ *(not ok|# .*(expected|saw|stale))' "$dir/log" | tail -n 5 | sed 's/^/# /'
	echo "# the whole log: $dir/log"
}

# row SEED KERNEL LOWERFS DISK SECONDS ENVIRONMENT TEST...: starts it when its
# turn has come
row() {
	local name=$7-$2-$3-$4-$6-$1
	name=${name//[:,]/_}
	is_chosen "$name" || return 0
	while [ "$(running)" -ge "$jobs" ]; do wait -n 2>/dev/null || :; done
	number=$((number + 1))
	run_row "$name" $number "$@" &
	pids+=($!)
}

is_chosen() {
	local pattern
	local -a patterns
	read -ra patterns <<<"${ROWS:-*}"
	for pattern in "${patterns[@]}"; do
		# shellcheck disable=SC2053 # a pattern
		if [[ $1 == $pattern ]]; then return 0; fi
	done
	return 1
}

running() {
	local pid count=0
	for pid in "${pids[@]}"; do
		if kill -0 "$pid" 2>/dev/null; then count=$((count + 1)); fi
	done
	echo $count
}

# rows_end: the plan and the sum. Status 1 if any failed.
rows_end() {
	local failed passed skipped
	wait
	passed=$(cat "$work"/*/verdict | grep -c '^ok') || :
	skipped=$(cat "$work"/*/verdict | grep -c '^skip') || :
	failed=$((number - passed - skipped))
	echo "1..$number"
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
}
