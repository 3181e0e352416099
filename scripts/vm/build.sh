# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Kernels built from Debian's source package: NAME is VERSION-FLAVOUR, and
# tests/vm/kernels/FLAVOUR.config over base.config there its configuration.
# Wants $cache, $name, $tmp, say(), die(), tool(), install_root() and apt.sh.
# shellcheck disable=SC2154

fragments=$(dirname "$0")/../../tests/vm/kernels
# Counts what changes below in how kernels come out.
recipe=1
build_tools='gcc make flex bison bc lz4 xz cpio perl'

# Part of the directory's name, so that each configuration has its own.
config_hash() {
	(echo "$recipe"; cat "$fragments/base.config" "$fragments/$flavour.config") |
		sha256sum | cut -c 1-10
}

need_build_tools() {
	for program in $build_tools; do tool "$program" debug >/dev/null; done
	[ -e /usr/include/libelf.h ] ||
		die "no libelf.h here: run scripts/deps --install debug"
}

# Into $source and $version, and $dir, where the kernel goes.
find_source() {
	package=linux-source-${name%-*}
	version=$(field "$package" Version)
	[ -n "$version" ] || return 1
	tidy=$(echo "$version" | tr '~:' '__')
	dir=$cache/kernels/$name-$tidy-$(config_hash)
	[ ! -e "$dir/release" ] || return 0
	source=$cache/source/${package}_$tidy.deb
	[ ! -e "$source" ] || return 0
	say "downloading $package"
	rm -rf "$tmp/debs"
	mkdir -p "$tmp/debs" "$cache/source"
	apt_download "$package" "$tmp/debs" || return 1
	mv "$tmp"/debs/*.deb "$source"
}

# Without most of what has no code for this configuration; Kconfig wants its
# own files from everywhere.
unpack_source() {
	say "unpacking the source of $name"
	mkdir "$tmp/source"
	dpkg-deb --fsys-tarfile "$source" |
		tar -x -O --wildcards './usr/src/linux-source-*.tar.xz' |
		tar -x -J -C "$tmp/source" --strip-components=1 \
			--exclude='*/Documentation/*.rst' \
			--exclude='*/arch/*.dts*' \
			--exclude='*/drivers/gpu/drm/*.[ch]' \
			--exclude='*/tools/testing/*.[ch]'
}

# What the fragments ask for is checked: a symbol may have gone, or lack what
# it depends on.
configure() {
	cat "$fragments/base.config" "$fragments/$flavour.config" >"$tmp/wanted"
	echo "CONFIG_LOCALVERSION=\"-$flavour\"" >>"$tmp/wanted"
	make_kernel KCONFIG_ALLCONFIG="$tmp/wanted" allnoconfig
	lost=$(sed -n 's/^\(CONFIG_[A-Z0-9_]*\)=[ym]$/\1/p' "$tmp/wanted" |
		while read -r symbol; do
			grep -q "^$symbol=[ym]$" "$tmp/source/.config" ||
				echo "$symbol"
		done | tr '\n' ' ')
	[ -z "$lost" ] || say "not in this kernel: $lost"
}

make_kernel() {
	nice make -s -C "$tmp/source" "$@" >>"$log" 2>&1 || {
		tail -n 30 "$log" >&2
		die "building $name failed; the whole log is $log"
	}
}

# The header tree for external modules is what distributions' packages have.
collect() {
	root=$tmp/tree
	mkdir -p "$root/modules"
	make_kernel run-command KBUILD_RUN_COMMAND="+\$(srctree)/scripts/package/install-extmod-build $root/headers"
	make_kernel INSTALL_MOD_PATH="$root/modules" modules_install
	cp "$tmp/source/arch/x86/boot/bzImage" "$root/vmlinuz"
	strip -o "$root/vmlinux" "$tmp/source/vmlinux"
	cp "$tmp/source/.config" "$root/config"
	cp "$tmp/source/System.map" "$root/"
	release=$(cat "$tmp/source/include/config/kernel.release")
	rm -f "$root/modules/lib/modules/$release/build"
	ln -s "$dir/headers" "$root/modules/lib/modules/$release/build"
}

build_kernel() {
	need_build_tools
	log=$cache/kernels/$name.log
	: >"$log"
	unpack_source
	configure
	say "building $name ($version), about 10 minutes of two processors"
	make_kernel -j "${JOBS:-$(nproc)}" bzImage modules
	collect
	install_root
}

# Not part of the hash: changes without a build.
update_cmdline() {
	line=$(grep -v '^#' "$fragments/$flavour.cmdline" 2>/dev/null |
		tr '\n' ' ') || :
	[ "$(cat "$dir/cmdline" 2>/dev/null)" = "$line" ] ||
		echo "$line" >"$dir/cmdline"
}
