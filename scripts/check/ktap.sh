# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Flat KTAP for the checks that run on the host: results go to stdout, the
# plan comes last.

ktap_number=0
ktap_failed=0
ktap_show=

# check NAME COMMAND...: ok if COMMAND succeeds; what it says is shown when it
# fails. Exit status 4 means skipped, and the last line says why.
check() {
	ktap_name=$1
	shift
	ktap_number=$((ktap_number + 1))
	ktap_code=0
	ktap_said=$("$@" 2>&1) || ktap_code=$?
	[ -z "$ktap_show" ] || [ "$ktap_code" != 0 ] ||
		printf '%s\n' "$ktap_said" | sed 's/^/# /'
	case $ktap_code in
	0) echo "ok $ktap_number $ktap_name" ;;
	4) echo "ok $ktap_number $ktap_name # SKIP" \
		"$(printf '%s\n' "$ktap_said" | tail -n 1)" ;;
	*)
		printf '%s\n' "$ktap_said" | sed 's/^/# /'
		echo "not ok $ktap_number $ktap_name"
		ktap_failed=$((ktap_failed + 1))
		;;
	esac
}

# show NAME COMMAND...: the same, and what it says is always shown.
show() {
	ktap_show=1
	check "$@"
	ktap_show=
}

skip() {
	echo "$*"
	exit 4
}

ktap_end() { echo "1..$ktap_number"; }
