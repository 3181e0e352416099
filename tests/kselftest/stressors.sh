#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The stressors of stress-ng that touch files or file mappings: whatever none of
# them complains about on the plain lower filesystem, none may complain about
# through the mount. They run one after the other, first there, then here.
#
#	FULL=1		all of them, not only the cheap ones
#	SEED=N		of their random numbers
#	LIMIT=N		seconds that each of them may take
#	STRESSORS=A,B	only these, with what FULL=1 gives them
#
# shellcheck disable=SC2317 # called by name
. "$(dirname "$0")/lib.sh"

fmap_begin "$0" "$@"

full=${FULL:-}
seed=${SEED:-1}
only=${STRESSORS:-}
limit=${LIMIT:-20}

# NAME, INSTANCES, operations of the SHORT and of the FULL run, OPTIONS (those of
# the short run too). Sizes keep them from filling the disk. What the installed
# stress-ng does not know is skipped by name.
#
# Not here, because they touch no file below --temp-path:
#   anonymous memory only: brk malloc memthrash mlock mlockmany mmapaddr mmapfixed
#	mmapfork mmaphuge mmapmany mprotect mremap munmap pagemove pageswap remap
#	shm-sysv stack userfaultfd vm vm-addr vm-rw vm-segv zlib
#   files of the kernel's internal tmpfs: memfd seal shm; of another: dev-shm tmpfs
#   devices: dev full null rawdev zero; pipes and sockets: eventfd pipe ring-pipe
#	sockfd splice tee vm-splice
#   fixed paths elsewhere: dynlib getdent handle landlock procfs sysfs
#   mounts elsewhere: binderfs quota unshare
# And, although they do:
#   bind-mount: mounts / over / until memory runs out
#   resources: until memory runs out; the rest of it is in other stressors
#   exec: does nothing as root
#   swap: swapon is refused through the mount, as the manual page says
stressors() {
	cat <<-END
	access		2 4 100
	acl		2 4 100
	aio		1 20 2000
	aiol		1 20 500
	chattr		1 2 8
	chdir		1 50 500	chdir-dirs=64
	chmod		2 10 100
	chown		2 50 300
	chroot		1 - 100
	close		1 - 20000
	copy-file	1 4 200		copy-file-bytes=128m
	dentry		2 100 2500	dentries=64
	dir		2 100 1500	dir-dirs=64
	dirdeep		1 50 1000	dirdeep-inodes=300,dirdeep-files=2
	dirmany		1 50 5000	dirmany-bytes=4k
	dnotify		1 - 50
	dup		1 - 200
	fallocate	1 2 8		fallocate-bytes=4m
	fanotify	1 - 200
	fault		2 50 1500
	fcntl		1 20 3000
	fd-race		1 - 100
	fiemap		1 50 5000	fiemap-bytes=4m
	fifo		1 - 5000
	file-ioctl	1 10 3000
	filename	1 10 200
	filerace	1 4 100
	flock		2 100 5000
	fpunch		1 - 1
	fsize		1 2 200
	fstat		1 - 200		fstat-dir=@DIR@
	hdd		1 20 4000	hdd-bytes=2m,hdd-write-size=16k
	inode-flags	2 - 1
	inotify		1 2 15
	io		1 - 50
	io-uring	1 10 250
	iomix		1 50 400	iomix-bytes=4m
	ioprio		1 - 50
	lease		1 20 2000
	link		1 - 2
	loadavg		1 - 2000	loadavg-max=16
	locka		2 50 500
	lockf		2 50 2000
	lockmix		2 50 2000
	lockofd		2 50 1000
	loop		1 - 10
	madvise		1 1 2
	mcontend	1 - 200
	metamix		1 4 100
	mincore		1 - 100
	mknod		1 10 200
	mmap		1 1 4		mmap-file,mmap-bytes=1m
	mmapcow		1 - 100
	mmapfiles	1 - 100
	mmaprandom	1 - 100
	mmaptorture	1 - 100
	msync		2 20 500	msync-bytes=1m
	msyncmany	1 - 100
	open		1 - 200		open-max=200
	pseek		1 20 1000
	ramfs		1 - 10
	readahead	1 4 200		readahead-bytes=2m
	rename		2 100 2000
	revio		1 20 2000	revio-bytes=2m
	rlimit		1 - 50
	rmap		1 4 15
	seek		1 20 5000	seek-size=2m
	sendfile	1 10 5000	sendfile-size=1m
	sigbus		1 20 1000
	stackmmap	1 - 20
	symlink		1 - 1
	sync-file	1 2 25		sync-file-bytes=2m
	syscall		1 - 20
	timerfd		1 - 1000
	tlb-shootdown	1 - 50
	touch		2 20 300
	umask		1 - 50
	umount		1 - 10
	unlink		1 10 200
	utime		1 50 8000
	verity		1 2 10
	xattr		1 2 100
	END
}

# The rows that are to run, with one number of operations.
chosen() {
	stressors | awk -v full="$full" -v only="$only" '
		BEGIN { n = split(only, names, ","); while (n) wanted[names[n--]] = 1 }
		only != "" ? $1 in wanted : full || $3 != "-" {
			print $1, $2, full || only != "" ? $4 : $3, $5
		}'
}

# job DIR: what stress-ng is to do there, as its --job wants it
job() {
	echo "run sequential"
	echo "temp-path $1"
	echo "seed $seed"
	echo "timeout ${limit}s"
	echo "verify"
	echo "metrics"
	echo "oomable"
	awk -v dir="$1" '
		NR == FNR { known[$1] = 1; next }
		$1 in known {
			print $1, $2
			print $1 "-ops", $3
			gsub("@DIR@", dir, $4)
			gsub("=", " ", $4)
			gsub(",", "\n", $4)
			print $4
		}' "$fmap_tmp/known" "$fmap_tmp/chosen"
}

# stress DIR LOG
stress() {
	mkdir -p "$1" && touch "$1/file" && job "$1" >"$2.job" || return 1
	(cd "$1" && stress-ng --job "$2.job") >"$2" 2>&1
	rm -rf "$1"
	grep -q ' metrc: ' "$2" && return
	sed 's/^/# /' "$2"
	ktap_exit_fail_msg "stress-ng did not run in $1"
}

# One line for each that was chosen: verdict, name, why. What is said about one
# differs in numbers and in directories from run to run. One that was soon done
# on the plain lower gets stuck if it does not do a tenth of that in all its time.
compare() {
	awk -v dirs="($FMAP_LOWER|$FMAP_MNT)/stressors" -v limit="$limit" '
		function got_stuck(name) {
			return seconds[ARGV[3], name] * 4 < limit &&
			       ops[ARGV[4], name] * 10 < ops[ARGV[3], name]
		}
		FILENAME ~ /known$/ { known[$1] = 1; next }
		FILENAME ~ /chosen$/ { order[++chosen] = $1; next }
		$2 == "metrc:" && $5 ~ /^[0-9]+$/ {
			ops[FILENAME, $4] = $5
			seconds[FILENAME, $4] = $6
			next
		}
		$2 != "fail:" && $2 != "error:" && !/skip/ { next }
		{
			name = $4
			sub(":$", "", name)
			if (match($0, /stress-ng-[a-z-]+[a-z]/))
				name = substr($0, RSTART + 10, RLENGTH - 10)
			text = substr($0, index($0, "]") + 2)
			gsub(dirs, "", text)
			gsub(/[0-9]+/, "N", text)
		}
		$2 == "info:" { skip[FILENAME, name] = text; next }
		FILENAME == ARGV[3] { allowed[name, text] = 1; said[name] = text; next }
		!((name, text) in allowed) { more[name] = text }
		END {
			for (i = 1; i <= chosen; i++) {
				name = order[i]
				if (!(name in known))
					print "skip", name, "unknown to this stress-ng"
				else if (name in more)
					print "fail", name, more[name]
				else if (got_stuck(name))
					print "fail", name, ops[ARGV[4], name] + 0, "operations",
					      "instead of", ops[ARGV[3], name], skip[ARGV[4], name]
				else if (name in said)
					print "skip", name, "on the lower as well:", said[name]
				else if ((ARGV[3], name) in skip)
					print "skip", name, skip[ARGV[3], name]
				else
					print "pass", name
			}
		}' "$fmap_tmp/known" "$fmap_tmp/chosen" "$plain" "$above"
}

judge() {
	while read -r verdict name why; do
		case $verdict in
		pass) ktap_test_pass "$name" ;;
		skip) ktap_test_skip "$name" "$why" ;;
		fail)
			ktap_print_msg "$name: $why"
			ktap_test_fail "$name"
			;;
		esac
	done
}

command -v stress-ng >/dev/null || ktap_skip_all "no stress-ng here"
stress-ng --stressors 2>/dev/null | tr ' ' '\n' >"$fmap_tmp/known"
chosen >"$fmap_tmp/chosen"
modprobe -q loop
ktap_set_plan "$(wc -l <"$fmap_tmp/chosen")"

plain=${FMAP_OUT:-$fmap_tmp}/stressors-plain
above=${FMAP_OUT:-$fmap_tmp}/stressors-above
stress "$FMAP_LOWER/stressors" "$plain"
stress "$FMAP_MNT/stressors" "$above"
compare >"$fmap_tmp/verdicts"
judge <"$fmap_tmp/verdicts"
fmap_end
