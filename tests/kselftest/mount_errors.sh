#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A mount that cannot be is refused with the right errno and a text that names
# the option, value or path: in the kernel log when mount(2) is used, in the
# context's own log when fsopen(2) is. And what can be mounted says so in
# /proc/mounts, in words that mount it again.
# shellcheck disable=SC2317 # called by name
. "$(dirname "$0")/lib.sh"

here=$(cd "$(dirname "$0")" && pwd)
fsopen_log=$here/fsopen_log

fmap_begin "$0" "$@"
ktap_set_plan 70

below=$FMAP_LOWER/mount_errors
at=$(mktemp -d)
work=$(mktemp -d)

clean_up() {
	for dir in "$at" "$work/above" "$work/merged2" "$work/merged" \
		   "$work/bound" "$work/upper" "$work" "$below"; do
		while mountpoint -q "$dir"; do umount -l "$dir" || break; done
	done
	rm -rf "$below" "$work" "$fmap_tmp"
	rmdir "$at"
}
trap clean_up EXIT

mkdir -p "$below/dir"
echo content >"$below/file"
echo content >"$below/dir/file"

# --- refused ---------------------------------------------------------------------

# has TEXT WHAT: TEXT is in $said
has() {
	case $said in
	*"$1"*) ;;
	*)
		ktap_print_msg "$2 has no '$1':"
		printf '%s\n' "$said" | sed 's/^/#   /'
		return 1
		;;
	esac
}

# by_mount ERRNO TEXT SOURCE [OPTIONS [remount]]
by_mount() {
	errno=$1 text=$2
	source=$3
	shift 3
	said=$("$fsopen_log" -m fmapfs "$source" "$at" "$@")
	has "errno $errno" "mount(2)" && has "$text" "the kernel log"
}

# by_fsopen ERRNO TEXT SOURCE [OPTION]...
by_fsopen() {
	errno=$1 text=$2
	source=$3
	shift 3
	said=$("$fsopen_log" fmapfs "$source" "$at" "$@")
	has "errno $errno" "fsopen(2)" && has "$text" "its log"
}

both() {
	by_mount "$@" && by_fsopen "$@"
}

# refused NAME ERRNO TEXT SOURCE [OPTION]
refused() {
	name=$1
	shift
	ktap_test_result "refused: $name" both "$@"
	case $said in
	*mounted*) umount "$at" ;;
	esac
}

refcount=$(cat /sys/module/fmapfs/refcnt)

refused "an unknown option" EINVAL "fmapfs: Unknown parameter 'colour'" "$below" colour=blue
refused "an unknown flag" EINVAL "fmapfs: Unknown parameter 'fast'" "$below" fast
for wrong in engine=warp install=by-hand around=3k around=2k around=4m around=5000 \
	     around=-1 around=64kk around=0 around=SIZE readahead=1 readahead=32m \
	     readahead=table readahead=4095 readahead=0 readahead=SIZE; do
	refused "$wrong" EINVAL "fmapfs: $wrong: not allowed, expected" "$below" "$wrong"
done
for option in engine install around readahead; do
	refused "$option without a value" EINVAL "fmapfs: $option= wants a value" \
		"$below" "$option"
done

for rule in "*.db|no policy" "*.db:around=5k|a value that the option does not take" \
	    "*.db:engine=hold|only around= and readahead= can be given by file" \
	    "db:around=off|the glob matches no path"; do
	refused "rule=${rule%|*}" EINVAL "fmapfs: rule=${rule%|*}: ${rule#*|}" \
		"$below" "rule=${rule%|*}"
done

refused "no source" EINVAL "no lower directory" -
refused "a file" ENOTDIR "lower directory $below/file: not a directory" "$below/file"
refused "a missing directory" ENOENT "lower directory $below/none: no such directory" \
	"$below/none"
ln -s loop2 "$work/loop"
ln -s loop "$work/loop2"
refused "a loop of symbolic links" ELOOP \
	"lower directory $work/loop: too many symbolic links" "$work/loop"

for pseudo in proc:/proc sysfs:/sys debugfs:/sys/kernel/debug devpts:/dev/pts; do
	refused "$pseudo" EINVAL \
		"${pseudo#*:}: ${pseudo%%:*} cannot be the lower filesystem" "${pseudo#*:}"
done

refused "fmapfs over fmapfs" ELOOP "$FMAP_MNT is on fmapfs already" "$FMAP_MNT"

# --- stacks -------------------------------------------------------------------------

overlay_over() {
	mkdir -p "$1" "$work/empty" && modprobe -q overlay
	mount -t overlay overlay -o "lowerdir=$2:$work/empty" "$1"
}

# Not over $below: overlay does not take every filesystem.
test_over_overlay() {
	mkdir -p "$work/plain/dir"
	echo content >"$work/plain/dir/file"
	overlay_over "$work/merged" "$work/plain" && mount -t fmapfs "$work/merged" "$at" &&
		[ "$(cat "$at/dir/file")" = content ] && umount "$at"
}

test_overlay_above() {
	mount -t fmapfs "$below" "$at" && overlay_over "$work/above" "$at" &&
		[ "$(cat "$work/above/file")" = content ] &&
		umount "$work/above" && umount "$at"
}

# It refuses what has a ->d_real, and says so.
test_overlay_upper() {
	mkdir -p "$work/upper-below/upper" "$work/upper-below/work" "$work/upper" "$work/refused" &&
		mount -t fmapfs "$work/upper-below" "$work/upper" || return 1
	said=$("$fsopen_log" -m overlay overlay "$work/refused" \
		"lowerdir=$work/plain,upperdir=$work/upper/upper,workdir=$work/upper/work")
	umount "$work/upper" && has "errno EINVAL" "mount(2)" &&
		has "not supported as upperdir" "the kernel log"
}

# Directories for overlay, on a filesystem that is not an overlay itself.
test_too_deep() {
	overlay_over "$work/merged2" "$work/merged" || return 1
	both ELOOP "$work/merged2: overlay is stacked too deeply" "$work/merged2"
}

if mount -t tmpfs tmpfs "$work" && modprobe -q overlay; then
	ktap_test_result "fmapfs over overlay" test_over_overlay
	ktap_test_result "overlay over fmapfs" test_overlay_above
	ktap_test_result "refused: overlay with its upper layer on fmapfs" test_overlay_upper
	ktap_test_result "refused: fmapfs over overlay over overlay" test_too_deep
else
	for name in "fmapfs over overlay" "overlay over fmapfs" "overlay's upper layer" \
		    "fmapfs over two overlays"; do
		ktap_test_skip "$name" "no overlay here"
	done
fi

# --- the lower mount -------------------------------------------------------------------

mkdir -p "$work/bound"

test_unbindable() {
	mount -t tmpfs tmpfs "$work/bound" && mount --make-unbindable "$work/bound" || return 1
	both EINVAL "$work/bound: its mount is unbindable" "$work/bound"
}
ktap_test_result "refused: an unbindable mount" test_unbindable
umount "$work/bound"

test_flags_below() {
	printf '#!/bin/sh\n' >"$below/program" && chmod +x "$below/program" &&
		mount --bind "$below" "$work/bound" &&
		mount -o remount,bind,ro,noexec,nodev "$work/bound" &&
		mount -t fmapfs "$work/bound" "$at" || return 1
	if "$at/program" 2>/dev/null; then
		ktap_print_msg "a program runs, in spite of noexec below"
		return 1
	fi
	by_mount EROFS "fmapfs: the lower mount is read-only" none engine=pin remount
}
ktap_test_result "ro and noexec of the lower mount stay" test_flags_below
umount "$at" "$work/bound"

# --- privilege ------------------------------------------------------------------------

test_not_root() {
	said=$(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all \
		"$fsopen_log" -m fmapfs "$below" "$at")
	has "errno EPERM" "mount(2)" || return 1
	said=$(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all \
		"$fsopen_log" fmapfs "$below" "$at")
	has "errno EPERM" "fsopen(2)"
}
ktap_test_result "not root: EPERM" test_not_root

test_user_namespace() {
	said=$(unshare -Urm "$fsopen_log" -m fmapfs "$below" "$at")
	has "errno EPERM" "mount(2)" || return 1
	said=$(unshare -Urm "$fsopen_log" fmapfs "$below" "$at")
	has "errno EPERM" "fsopen(2)"
}
if unshare -Urm true 2>/dev/null; then
	ktap_test_result "root of a user namespace: EPERM" test_user_namespace
else
	ktap_test_skip "root of a user namespace: EPERM" "no user namespaces here"
fi

ktap_test_eq "no refused mount holds the module" "$refcount" "$(cat /sys/module/fmapfs/refcnt)"

# --- what is shown ----------------------------------------------------------------------

shown() {
	awk -v at="$at" '$2 == at && $3 == "fmapfs" { print $4 }' /proc/mounts
}

# shows OPTION...: each is there
shows() {
	for option in "$@"; do
		case ,$(shown), in
		*",$option,"*) ;;
		*)
			ktap_print_msg "no $option in: $(shown)"
			return 1
			;;
		esac
	done
}

test_defaults() {
	mount -t fmapfs "$below" "$at" || return 1
	shows rw engine=pin install=handover around=adaptive readahead=adaptive
}
ktap_test_result "the defaults are shown" test_defaults

test_remount() {
	mount -o remount,around=64k "$at" && shows engine=pin around=64k || return 1
	mount -o remount,engine=native "$at" && shows engine=native around=64k || return 1
	mount -o remount,readahead=off,around=off "$at" &&
		shows engine=native around=off readahead=off install=handover
}
ktap_test_result "remount changes what it names" test_remount

test_failed_remount() {
	line=$(shown)
	by_mount EINVAL "fmapfs: around=7: not allowed" none engine=pin,around=7 remount &&
		by_mount EINVAL "Unknown parameter 'colour'" none colour=blue remount &&
		[ "$(shown)" = "$line" ]
}
ktap_test_result "a refused remount changes nothing" test_failed_remount
umount "$at"

# round_trip GIVEN SHOWN
round_trip() {
	mount -t fmapfs -o "$1" "$below" "$at" && shows "$2" || return 1
	line=$(shown)
	umount "$at" && mount -t fmapfs -o "$line" "$below" "$at" &&
		[ "$(shown)" = "$line" ]
}
for pair in engine=native:engine=native engine=hold:engine=hold \
	    engine=retry:engine=retry install=insert:install=insert \
	    around=4096:around=4k around=65536:around=64k \
	    around=64K:around=64k around=1024k:around=1m around=2M:around=2m \
	    around=table:around=table around=off:around=off \
	    around=adaptive:around=adaptive readahead=off:readahead=off \
	    readahead=adaptive:readahead=adaptive readahead=12K:readahead=12k \
	    readahead=16384k:readahead=16m; do
	ktap_test_result "${pair%:*} is shown, and mounts again" \
		round_trip "${pair%:*}" "${pair#*:}"
	umount "$at"
done

# --- odd places ---------------------------------------------------------------------------

# reads DIR: DIR/file can be read and written through a mount
reads() {
	mount -t fmapfs "$1" "$2" || return 1
	[ "$(findmnt -n -o FSTYPE --mountpoint "$2")" = fmapfs ] &&
		[ "$(cat "$2/file")" = content ] && echo more >>"$2/file" &&
		umount "$2" && [ "$(tail -n 1 "$1/file")" = more ]
}

test_odd() {
	for dir in "$below/two words" "$below/comma,equals=x" "$below/back\\slash" \
		   "$below/tab	inside" "$below/#hash" "$below/ümlaut" "$below/-dash" \
		   "$below/new
line"; do
		mkdir "$dir" 2>/dev/null || continue
		echo content >"$dir/file"
		reads "$dir" "$at" || {
			ktap_print_msg "source $dir"
			return 1
		}
		echo content >"$dir/file"
		mkdir -p "$work/$(basename "$dir")"
		reads "$dir" "$work/$(basename "$dir")" || {
			ktap_print_msg "target $work/$(basename "$dir")"
			return 1
		}
	done
}
ktap_test_result "odd names of directories" test_odd

# Not over $below: vfat does not take such a name.
test_shown_escaped() {
	odd="$work/a b	c
d\\e#f"
	mkdir -p "$odd" && mount -t fmapfs "$odd" "$odd" || return 1
	line=$(grep "^$work/a.* fmapfs " /proc/mounts)
	source=${line%% *}
	line=${line#* }
	# shellcheck disable=SC2059 # of the form of an escaped string, on purpose
	[ "$(printf "$source")" = "$odd" ] && [ "$(printf "${line%% *}")" = "$odd" ] &&
		[ "$(findmnt -n -o FSTYPE --mountpoint "$odd")" = fmapfs ] && umount "$odd"
}
ktap_test_result "odd characters are escaped in /proc/mounts" test_shown_escaped

test_relative() {
	(cd "$below" && mount -t fmapfs . "$at") && [ -f "$at/dir/file" ] && umount "$at"
}
ktap_test_result "a relative source" test_relative

test_over_itself() {
	mount -t fmapfs "$below" "$below" && [ "$(cat "$below/dir/file")" = content ] &&
		echo above >"$below/new" || return 1
	mountpoint -q "$below" && [ "$(stat -f -c %t "$below")" = 666d6170 ] || return 1
	said=$("$fsopen_log" -m fmapfs "$below" "$below")
	has "errno ELOOP" "mount(2)" || return 1
	umount "$below" && ! mountpoint -q "$below" && [ "$(cat "$below/new")" = above ]
}
ktap_test_result "a directory over itself" test_over_itself

# A part of it bound elsewhere, and seen from another namespace, which outlives ours
test_bind() {
	mount -t fmapfs "$below" "$at" && mkdir -p "$work/bound" &&
		mount --bind "$at/dir" "$work/bound" || return 1
	[ "$(cat "$work/bound/file")" = content ] && echo bound >"$work/bound/new" &&
		[ "$(cat "$below/dir/new")" = bound ] || return 1
	umount "$at" && [ "$(cat "$work/bound/file")" = content ] || return 1
	# shellcheck disable=SC2016 # for the shell in there
	said=$(unshare -m sh -c 'umount "$1" && cat "$2/dir/file"' sh "$work/bound" "$below")
	[ "$said" = content ] && mountpoint -q "$work/bound" || return 1
	mount -o remount,bind,ro "$work/bound" && ! touch "$work/bound/no" 2>/dev/null &&
		umount "$work/bound"
}
ktap_test_result "a part bound elsewhere, and another namespace" test_bind

test_debugfs() {
	mount -t fmapfs "$below" "$at" && dir=$(fmap_debugfs "$at") && [ -r "$dir/stats" ] &&
		umount "$at" && [ ! -e "$dir" ]
}
ktap_test_result "mountpoint -d names its debugfs directory" test_debugfs

ktap_test_eq "nothing holds the module afterwards" "$refcount" \
	"$(cat /sys/module/fmapfs/refcnt)"
fmap_end
