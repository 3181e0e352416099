# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Packages downloaded as an ordinary user, without installing them. Wants
# $cache, $arch and say().
# shellcheck disable=SC2154

# Which lists of packages apt uses: the system's; a private copy of the
# same sources, brought up to date; Debian's own sources; those of a newer
# release with its backports, or of the newest, as if nothing were installed.
lists=system
newer=trixie
newest=sid
apt_opts() {
	private=$cache/apt/$lists
	case $lists in
	system) return ;;
	debian | "$newer" | "$newest")
		echo "-o Dir::Etc::SourceList=$private/sources.list"
		echo "-o Dir::Etc::SourceParts=/dev/null"
		;;
	esac
	status=/var/lib/dpkg/status
	case $lists in
	"$newer" | "$newest") status=$private/status ;;
	esac
	[ "$lists" != "$newer" ] ||
		echo "-o APT::Default-Release=$newer-backports"
	echo "-o Dir::State=$private/state"
	echo "-o Dir::State::status=$status"
	echo "-o Dir::Cache=$private/cache"
}

apt() {
	tool=$1
	shift
	# shellcheck disable=SC2046
	"apt-$tool" -q -o APT::Sandbox::User= $(apt_opts) "$@"
}

debian_sources() {
	key=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -r "$key" ] || return 1
	at="[arch=$arch signed-by=$key] http://deb.debian.org"
	case $lists in
	debian)
		cat <<-END
			deb $at/debian bookworm main
			deb $at/debian bookworm-updates main
			deb $at/debian-security bookworm-security main
		END
		;;
	*)
		echo "deb $at/debian $lists main"
		[ "$lists" != "$newer" ] ||
			echo "deb $at/debian $lists-backports main"
		;;
	esac
}

refresh_lists() {
	private=$cache/apt/$lists
	say "refreshing a private copy of the package lists ($lists)"
	mkdir -p "$private/state/lists/partial" "$private/cache/archives/partial"
	: >"$private/status"
	if [ "$lists" != private ]; then
		debian_sources >"$private/sources.list" || return 1
	fi
	# A broken third-party source must not stop us: what is found decides.
	apt get update >"$private/update.log" 2>&1 </dev/null || :
}

# field PACKAGE FIELD: of the version that apt would install
field() {
	apt cache show --no-all-versions "$1" 2>/dev/null |
		sed -n "s/^$2: //p" | head -n 1
}

# depends PACKAGE PREFIX: the first package it depends on that starts so
depends() {
	field "$1" Depends | tr ',|' '\n' |
		sed -n "s/^ *\($2[^ ]*\).*/\1/p" | head -n 1
}

# apt_download PACKAGE DIRECTORY
apt_download() {
	apt_said=$(cd "$2" && apt get download "$1" 2>&1 </dev/null) || {
		printf '%s\n' "$apt_said" | grep '^[EW]:' >&2
		return 1
	}
}

# apt_download_all PACKAGE...: with all they depend on, into the private cache's
# archives
apt_download_all() {
	rm -f "$cache/apt/$lists"/cache/archives/*.deb
	apt get install -y --download-only --no-install-recommends "$@" \
		>"$cache/apt/$lists/download.log" 2>&1 </dev/null || {
		grep '^[EW]:' "$cache/apt/$lists/download.log" >&2
		return 1
	}
}

# with_newer FUNCTION: calls it with the lists of the newer release
with_newer() {
	lists=$newer
	refresh_lists && "$1"
}

# with_newest FUNCTION: the same with those of the newest
with_newest() {
	lists=$newest
	refresh_lists && "$1"
}

# with_lists FUNCTION: calls it with better and better package lists
with_lists() {
	for lists in system private debian; do
		if [ "$lists" != system ]; then refresh_lists || continue; fi
		if "$1"; then return 0; fi
	done
	return 1
}
