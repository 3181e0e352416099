# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# The guest that benchmarks run in.

# repeatable_guest KERNEL LOWERFS COMMAND...: on one processor, whose time is
# its instructions. It leaps while the guest waits for its disk, so what watches
# for stalls is off.
repeatable_guest() {
	bench_kernel=$1
	bench_lower=$2
	shift 2
	scripts/vm/run -q -i -k "$bench_kernel" -f "$bench_lower" -t "${LIMIT:-300}" \
		${DISK:+-d "$DISK"} -a rcupdate.rcu_cpu_stall_suppress=1 \
		-a sysctl.kernel.hung_task_timeout_secs=0 -- "$@"
}
