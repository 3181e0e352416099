# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# The kernels that all is built for and tested on, unless KERNELS= says otherwise.
# shellcheck disable=SC2034
kernels=${KERNELS:-6.1 6.12}
