# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# The kernels that all is built for and tested on, unless KERNELS= says otherwise.
# shellcheck disable=SC2034
kernels=${KERNELS:-6.1 6.12 7.2}

# get_kernels: have them in the cache; $get_with is the command that runs what does it.
# Those of a suite that is out of reach go from $kernels to $missing; without any
# other it is over.
get_kernels() {
	kernels_here=
	missing=
	for kernel in $kernels; do
		kernel_code=0
		# shellcheck disable=SC2086
		${get_with-} scripts/vm/kernel "$kernel" >/dev/null || kernel_code=$?
		case $kernel_code in
		0) kernels_here="$kernels_here $kernel" ;;
		4) missing="$missing $kernel" ;;
		*) kernels_here=; break ;;
		esac
	done
	[ -n "$kernels_here" ] || { echo "no $kernel kernel to test with" >&2; exit 1; }
	kernels=${kernels_here# }
	export KERNELS="$kernels"
}

not_here() { echo "no $1 kernel is to be had here"; }
