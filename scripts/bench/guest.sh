# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# The guests that benchmarks run in.

# bench_guest CLOCK KERNEL LOWERFS COMMAND...: on one processor. CLOCK is
# "instructions": time is those, and leaps while the guest waits for its disk, so
# what watches for stalls is off; or "ns": real time, which takes KVM (status 121
# without it).
bench_guest() {
	case $1 in
	instructions) bench_clock=-i ;;
	ns) bench_clock='-K -c 1' ;;
	esac
	bench_kernel=$2
	bench_lower=$3
	shift 3
	# shellcheck disable=SC2086
	scripts/vm/run -q $bench_clock -k "$bench_kernel" -f "$bench_lower" \
		-t "${LIMIT:-300}" ${DISK:+-d "$DISK"} ${OUTDIR:+-o "$OUTDIR"} \
		${PLUGIN:+-g "$PLUGIN"} \
		-a rcupdate.rcu_cpu_stall_suppress=1 \
		-a sysctl.kernel.hung_task_timeout_secs=0 -- "$@"
}

repeatable_guest() { bench_guest instructions "$@"; }
