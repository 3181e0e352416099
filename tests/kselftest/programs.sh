#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Programs at work on the plain lower filesystem and, the same again, through the
# mount: what they say, and what they leave behind, has to be the same. And two
# processes at one database, of which only one comes through the mount.
#
#	FULL=1		longer histories and more transactions
#
# shellcheck disable=SC2317 # called by name
. "$(dirname "$0")/lib.sh"

here=$(cd "$(dirname "$0")" && pwd)
full=${FULL:-}

fmap_begin "$0" "$@"
ktap_set_plan 26

plain=$FMAP_LOWER/programs-plain
below=$FMAP_LOWER/programs
above=$FMAP_MNT/programs

clean_up() {
	rm -rf "$plain" "$below" "$fmap_tmp"
}
trap clean_up EXIT

export LC_ALL=C HOME="$fmap_tmp" GIT_CONFIG_NOSYSTEM=1
umask 022
mkdir -p "$plain" "$below"

# --- helpers ------------------------------------------------------------------

# amount SHORT FULL
amount() {
	if [ "$full" ]; then echo "$2"; else echo "$1"; fi
}

needs() {
	for tool in "$@"; do
		command -v "$tool" >/dev/null || {
			missing="no $tool here"
			return 1
		}
	done
}

# in_new DIR COMMAND...: in a directory that is new
in_new() {
	rm -rf "$1" && mkdir "$1" || return 1
	(cd "$1" && shift && "$@")
}

same() {
	diff "$1" "$2" >"$fmap_tmp/diff" && return
	head -n 20 "$fmap_tmp/diff" | sed 's/^/# /'
	return 1
}

# says FILE COMMAND...: into FILE, and shown if it fails
says() {
	file=$1
	shift
	"$@" >"$file" 2>&1 && return
	ktap_print_msg "$* failed:"
	tail -n 20 "$file" | sed 's/^/#   /'
	return 1
}

# both FUNCTION: in $plain/FUNCTION it says what it says in $above/FUNCTION
both() {
	says "$fmap_tmp/plain" in_new "$plain/$1" "$1" &&
		says "$fmap_tmp/above" in_new "$above/$1" "$1" &&
		same "$fmap_tmp/plain" "$fmap_tmp/above"
}

# All that can be seen of a tree, but for what a directory is made of.
listing() (
	cd "$1" || exit
	sync -f .
	find . -type d -printf '%P %y %m %U %G %T@\n' -o \
		-printf '%P %y %m %U %G %T@ %n %s %l\n' | sort
	find . -type f -size +1M -printf '%P %b %s\n' |
		awk '{ print $1, $2 * 512 < $3 ? "sparse" : "full" }' | sort
	find . \( -type b -o -type c \) -exec stat -c '%n %t %T' {} + | sort
	find . -type f -exec sha256sum {} + | sort
	getfattr -R -P -h -d -m - -e hex .
	getfacl -R -P -n .
)

# --- git ------------------------------------------------------------------------

# A stream for git fast-import: files that change and go, links, executables.
history() {
	awk -v commits="$(amount 24 400)" '
		function data(text) { printf "data %d\n%s\n", length(text), text }
		function file(mode, name, text) {
			print "M " mode " inline " name
			data(text)
		}
		function text(n, i, all) {
			for (i = 0; i < 100; i++)
				all = all i * (i % 10 == n % 10 ? n : 7) " line\n"
			return all
		}
		BEGIN {
			for (c = 1; c <= commits; c++) {
				print "commit refs/heads/main\nmark :" c
				print "committer A <a@example.com> " 1000000000 + c * 60 " +0000"
				data("commit " c)
				for (f = c % 3; f < 12; f += 3)
					file("100644", "dir" f % 4 "/file" f, text(c + f))
				file("100755", "bin/run" c % 5, "#!/bin/sh\necho " c "\n")
				file("120000", "links/to" c % 4, "../dir" c % 4)
				if (c % 7 == 0)
					print "D dir" c % 4
			}
			print "done"
		}'
}

as_author() {
	git -c user.name=A -c user.email=a@example.com "$@"
}

revision() {
	git checkout -q "$1" && git status --porcelain && git rev-parse "HEAD^{tree}" &&
		find . -name .git -prune -o -type d -o -printf '%P %m %l\n' | sort
}

git_work() {
	git init -q -b main origin && history | git -C origin fast-import --quiet --done &&
		git -C origin checkout -q -f main && git clone -q origin copy &&
		cd copy && git fsck --full --strict || return 1
	revision main~9 && revision main~20 && revision main || return 1
	echo more >>"$(git ls-files 'dir*' | head -n 1)" &&
		GIT_AUTHOR_DATE="1100000000 +0000" GIT_COMMITTER_DATE="1100000000 +0000" \
			as_author commit -q -a -m more && git rev-parse HEAD || return 1
	mv .git/objects/pack/*.pack ../pack && rm -f .git/objects/pack/* &&
		git unpack-objects -q <../pack && git count-objects &&
		git -c pack.threads=1 gc -q --prune=now || return 1
	git count-objects -v | grep -v size
	git fsck --full --strict && git status --porcelain && git log --format=%T | sha256sum
}

# What was done above, seen from below, and again above when nothing is cached.
git_after() {
	for dir in "$below" "$above"; do
		fmap_forget "$below"/git_work/copy/.git/objects/pack/*
		says "$fmap_tmp/fsck" git -C "$dir/git_work/copy" fsck --full --strict &&
			says "$fmap_tmp/status" git -C "$dir/git_work/copy" status --porcelain &&
			[ ! -s "$fmap_tmp/status" ] || return 1
	done
}

if needs git; then
	ktap_test_result "git: clone, checkout, commit, gc" both git_work
	ktap_test_result "git: the same below, and when nothing is cached" git_after
else
	ktap_test_skip "git: clone, checkout, commit, gc" "$missing"
	ktap_test_skip "git: the same below, and when nothing is cached" "$missing"
fi

# --- make and gcc -----------------------------------------------------------------

project() {
	cat >Makefile <<-'END'
		prog: main.o one.o ; @echo LD $@; gcc -o $@ main.o one.o
		%.o: %.c part.h ; @echo CC $@; gcc -O1 -c -o $@ $<
	END
	cat >main.c <<-'END'
		#include "part.h"
		int printf(const char *, ...);
		int main(void) { printf("%d\n", FACTOR + one(2)); return 0; }
	END
	printf '%s\n' '#include "part.h"' 'int one(int n) { return n * FACTOR; }' >one.c
	printf '%s\n' 'int one(int);' '#define FACTOR 7' >part.h
}

# A filesystem may know times to two seconds only.
age() {
	touch -d '-4 minutes' Makefile ./*.c ./*.h && touch -d '-2 minutes' ./*.o &&
		touch -d '-1 minute' prog
}

build_work() {
	TMPDIR=$PWD
	export TMPDIR
	project && make 2>&1 && ./prog && age && make 2>&1 && touch one.c && make 2>&1 &&
		./prog && sed -i s/7/8/ part.h && age && touch part.h && make 2>&1 && ./prog
}

build_rebuilt() {
	sed -n '/up to date/,$p' "$fmap_tmp/above" >"$fmap_tmp/rebuilt"
	same "$fmap_tmp/rebuilt" - <<-END
		make: 'prog' is up to date.
		CC one.o
		LD prog
		21
		CC main.o
		CC one.o
		LD prog
		24
	END
}

if needs make gcc; then
	ktap_test_result "make and gcc: build, run, rebuild" both build_work
	ktap_test_result "make rebuilds what has changed, and no more" build_rebuilt
else
	ktap_test_skip "make and gcc: build, run, rebuild" "$missing"
	ktap_test_skip "make rebuilds what has changed, and no more" "$missing"
fi

# --- tar and rsync ------------------------------------------------------------------

# part NAME COMMAND...: a test, and a part of the tree, if the lower can have it
part() {
	name=$1
	shift
	if "$@" 2>"$fmap_tmp/error"; then
		ktap_test_pass "a tree with $name"
	else
		ktap_test_skip "a tree with $name" "$FMAP_LOWERFS: $(tail -n 1 "$fmap_tmp/error")"
	fi
}

files() {
	for i in $(seq 20); do
		seq "$i" $((i * 100)) >"dir/file$i" && chmod $((600 + i % 8)) "dir/file$i" ||
			return 1
	done
}

sparse() {
	truncate -s 3M sparse && echo end >>sparse && truncate -s 4M sparse &&
		dd if=/dev/urandom of=full bs=1M count=2 status=none
}

set_id() {
	cp dir/file1 suid && chmod 4755 suid && cp dir/file1 sgid && chmod 2755 sgid &&
		mkdir shared && chmod 3777 shared || return 1
	[ -u suid ] && [ -g sgid ] && return
	echo "no set-ID bits" >&2
	return 1
}

owners() {
	cp dir/file2 owned && chown 1000:1001 owned
}

special_files() {
	mkfifo fifo && mknod char c 1 3 && mknod block b 7 99
}

# User attributes, or what root may have where there are none.
xattrs() {
	setfattr -n user.text -v value dir/file3 && setfattr -n user.empty dir/file3 &&
		setfattr -n user.bytes -v 0x00ff00 dir && return
	setfattr -n trusted.text -v value dir/file3
}

odd_names() {
	echo 1 >'two words' && echo 2 >-dash && echo 3 >'"quoted"' && echo 4 >'back\slash' &&
		echo 5 >'new
line' && echo 6 >ümlaut && echo 7 >"$(printf 'not\377utf8')"
}

simple_odd_names() {
	echo 1 >'two words' && echo 2 >-dash && echo 3 >"it's" && echo 4 >"$(printf '%0200d' 0)"
}

# Last, because it is the last to touch the directory. All is old: rsync leaves
# the time of a directory or a device alone that is right to the second.
old_times() {
	find . -exec touch -h -d '2020-02-20 20:20:20.202020202' {} + &&
		touch -h -d '1999-12-31 23:59:58.123456789' dir/file4 &&
		touch -d '2030-01-01 00:00:02' dir/file5 && touch -d '2001-01-01' dir
}

make_tree() {
	mkdir "$FMAP_LOWER/programs/tree" && cd "$FMAP_LOWER/programs/tree" &&
		mkdir dir dir/empty || return 1
	part "files" files
	part "sparse files" sparse
	part "easy names" simple_odd_names
	part "odd names" odd_names
	part "hard links" ln dir/file1 hard
	part "symbolic links" ln -s dir/none symlink
	part "FIFOs and device nodes" special_files
	part "set-ID and sticky bits" set_id
	part "owners" owners
	part "extended attributes" xattrs
	part "access control lists" setfacl -m u:1000:r,g:1001:rw,m::rw dir/file6
	part "default ACLs" setfacl -d -m u:1000:rwx dir/empty
	part "times" old_times
	cd "$here" || return 1
}

attributes="--xattrs --xattrs-include=* --acls --no-selinux"

by_tar() {
	mkdir "$2" || return 1
	# shellcheck disable=SC2086
	tar -C "$1" -c --format=posix -S $attributes . | tar -C "$2" -x -p $attributes
}

by_rsync() {
	rsync -aHAXS --no-i-r "$1/" "$2/"
}

unequal() {
	rsync -naHAXc --delete --itemize-changes "$1/" "$2/"
}

# round_trip NAME COPY: COPY to the plain lower, to the mount, and from it
round_trip() {
	tree=programs/tree
	says "$fmap_tmp/copy" "$2" "$FMAP_LOWER/$tree" "$plain/$1" &&
		listing "$plain/$1" >"$fmap_tmp/plain" || return 1
	says "$fmap_tmp/copy" "$2" "$FMAP_LOWER/$tree" "$above/$1-in" &&
		says "$fmap_tmp/copy" "$2" "$FMAP_MNT/$tree" "$below/$1-out" || return 1
	set -- "$1" "$above/$1-in" "$below/$1-out" "$below/$1-in" "$above/$1-out"
	for copy in "$2" "$3" ${full:+"$4" "$5"}; do
		listing "$copy" >"$fmap_tmp/copied"
		same "$fmap_tmp/plain" "$fmap_tmp/copied" || {
			ktap_print_msg "$copy is not as on the plain lower"
			return 1
		}
	done
	says "$fmap_tmp/unequal" unequal "$FMAP_LOWER/$tree" "$above/$1-in" &&
		same "$fmap_tmp/unequal" /dev/null
}

# rsync has nothing left to do, in either direction and after a change.
rsync_again() {
	echo more >>"$above/rsync-in/dir/file7" && rm "$above/rsync-in/dir/file8" &&
		says "$fmap_tmp/unequal" unequal "$above/rsync-in" "$below/rsync-out" || return 1
	if ! grep -q '^>fcst.* dir/file7$' "$fmap_tmp/unequal" ||
	   ! grep -q '^\*deleting .*dir/file8$' "$fmap_tmp/unequal"; then
		sed 's/^/# /' "$fmap_tmp/unequal"
		return 1
	fi
	says "$fmap_tmp/copy" rsync -aHAXS --delete "$above/rsync-in/" "$below/rsync-out/" &&
		says "$fmap_tmp/unequal" unequal "$above/rsync-in" "$below/rsync-out" &&
		same "$fmap_tmp/unequal" /dev/null
}

make_tree
if needs rsync tar getfattr getfacl; then
	ktap_test_result "tar: both ways" round_trip tar by_tar
	ktap_test_result "rsync: both ways" round_trip rsync by_rsync
	ktap_test_result "rsync sees what has changed" rsync_again
else
	for name in "tar: both ways" "rsync: both ways" "rsync sees what has changed"; do
		ktap_test_skip "$name" "$missing"
	done
fi

# --- sqlite -------------------------------------------------------------------------

transactions=$(amount 60 2000)

# sql DIR WHO MMAP: this many transactions at DIR/db
sql() {
	awk -v n="$transactions" -v who="$2" -v mmap="$3" '
		BEGIN {
			print ".timeout 120000"
			print "PRAGMA mmap_size=" mmap ";"
			print "PRAGMA wal_autocheckpoint=30;"
			for (i = 1; i <= n; i++) {
				print "BEGIN IMMEDIATE;"
				print "INSERT INTO row VALUES (\x27" who "\x27, " i ", zeroblob(300));"
				print "UPDATE total SET n = n + 1;"
				print "COMMIT;"
			}
		}' | sqlite3 -bail "$1/db" >"$fmap_tmp/sql-$2" 2>&1
}

# sql_result DIR MMAP
sql_result() {
	sqlite3 -bail "$1/db" ".timeout 60000" "PRAGMA mmap_size=$2" \
		"SELECT who, count(*), min(i), max(i), sum(length(data)) FROM row GROUP BY who" \
		"SELECT n FROM total" "PRAGMA integrity_check"
}

# together MODE MMAP: one process above, one below, at the same time
together() {
	database=db-$1-$2
	mkdir "$below/$database" &&
		[ "$(sqlite3 "$below/$database/db" "PRAGMA journal_mode=$1")" = "$1" ] &&
		sqlite3 "$below/$database/db" \
			"CREATE TABLE row (who, i, data, PRIMARY KEY (who, i))" \
			"CREATE TABLE total (n)" "INSERT INTO total VALUES (0)" || return 1
	sql "$below/$database" below "$2" &
	writer=$!
	sql "$above/$database" above "$2" || {
		sed 's/^/# /' "$fmap_tmp/sql-above"
		wait "$writer"
		return 1
	}
	wait "$writer" || {
		sed 's/^/# /' "$fmap_tmp/sql-below"
		return 1
	}
	printf '%s\n' "$2" "above|$transactions|1|$transactions|$((transactions * 300))" \
		"below|$transactions|1|$transactions|$((transactions * 300))" \
		$((2 * transactions)) ok >"$fmap_tmp/expected"
	for dir in "$above" "$below"; do
		says "$fmap_tmp/result" sql_result "$dir/$database" "$2" &&
			same "$fmap_tmp/expected" "$fmap_tmp/result" || return 1
		fmap_forget "$below/$database/db"
	done
}

for mode in "wal 0" "wal 16777216" "truncate 16777216"; do
	name="sqlite: two processes, journal_mode=${mode% *}, mmap_size=${mode#* }"
	if needs sqlite3; then
		# shellcheck disable=SC2086
		ktap_test_result "$name" together $mode
	else
		ktap_test_skip "$name" "$missing"
	fi
done

# --- LMDB -----------------------------------------------------------------------------

entries=$(amount 2000 100000)

# What mdb_load reads
records() {
	printf '%s\n' VERSION=3 format=print type=btree mapsize=67108864 maxreaders=126 \
		db_pagesize=4096 HEADER=END
	awk -v n="$entries" 'BEGIN {
		for (i = 1; i <= n; i++)
			printf " key%09d\n value %d of %d, and some more\n", i * 7919 % 1000003, i, n
	}'
	echo DATA=END
}

lmdb_work() {
	mkdir env copy compact && records | mdb_load env && mdb_stat -a env &&
		mdb_copy env copy && mdb_copy -c env compact && mdb_stat -a compact &&
		cmp copy/data.mdb env/data.mdb || return 1
	for env in env copy compact; do mdb_dump "$env" | sha256sum; done
}

lmdb_paths() {
	for dir in "$above" "$below" "$above"; do
		mdb_dump -p "$dir/lmdb_work/env" >"$fmap_tmp/dump" || return 1
		[ "$(grep -c '^ key' "$fmap_tmp/dump")" = "$entries" ] &&
			sha256sum <"$fmap_tmp/dump" || return 1
		fmap_forget "$below/lmdb_work/env/data.mdb"
	done | uniq | wc -l >"$fmap_tmp/dumps"
	[ "$(cat "$fmap_tmp/dumps")" = 1 ]
}

# Two at once: their lock is a mutex in a page that both have mapped.
lmdb_together() {
	mkdir "$below/writemap" || return 1
	"$here/lmdb_writer" "$below/writemap" 0 "$transactions" &
	writer=$!
	"$here/lmdb_writer" "$above/writemap" 1 "$transactions" || {
		wait "$writer"
		return 1
	}
	wait "$writer" || return 1
	for dir in "$above" "$below"; do
		[ "$("$here/lmdb_writer" "$dir/writemap")" = $((2 * transactions)) ] || return 1
		fmap_forget "$below/writemap/data.mdb"
	done
}

lmdb_skip() {
	"$here/lmdb_writer" 2>/dev/null
	[ $? = $KSFT_SKIP ]
}

if needs mdb_load; then
	ktap_test_result "LMDB: load, dump, copy" both lmdb_work
	ktap_test_result "LMDB: dumped by both paths, cached and not" lmdb_paths
else
	ktap_test_skip "LMDB: load, dump, copy" "$missing"
	ktap_test_skip "LMDB: dumped by both paths, cached and not" "$missing"
fi
if lmdb_skip; then
	ktap_test_skip "LMDB: two writers with MDB_WRITEMAP" "built without liblmdb-dev"
else
	ktap_test_result "LMDB: two writers with MDB_WRITEMAP" lmdb_together
fi

fmap_end
