// SPDX-License-Identifier: GPL-2.0
/*
 * A lock taken through the mount excludes one taken through the lower
 * directory, and the other way round: flock, POSIX, open file description
 * locks and leases, between two processes. What a program that opens the file
 * by one path believes to have for itself, no other path may touch: databases
 * depend on it.
 */
#include <poll.h>
#include <sys/file.h>

#include "mapping.h"

#define NAME		"locks"

enum op {
	OPEN,		/* with @arg */
	CLOSE,
	FLOCK,		/* @arg */
	POSIX,		/* fcntl(@arg) of a lock of @type, [start, start + len) */
	LEASE,		/* F_SETLEASE @arg */
	GET_LEASE,
	BREAKS,		/* how often it was told to give up a lease */
	OWNER,		/* F_SETOWN to itself, F_SETSIG @arg */
};

struct request {
	enum op op;
	int arg;
	short type;
	off_t start, len;
};

/* One process, which holds or wants a lock, and one file that it has open. */
struct party {
	const char *path;
	int fd;
	pid_t pid;
	int to, from;
	struct flock seen;	/* what F_GETLK said */
};

FIXTURE(two) {
	struct party holder, other;
};

FIXTURE_VARIANT(two) {
	enum side holder, other;
};

FIXTURE_VARIANT_ADD(two, fmap_against_lower) { .holder = FMAP, .other = LOWER };
FIXTURE_VARIANT_ADD(two, lower_against_fmap) { .holder = LOWER, .other = FMAP };
FIXTURE_VARIANT_ADD(two, fmap_against_fmap) { .holder = FMAP, .other = FMAP };
FIXTURE_VARIANT_ADD(two, lower_against_lower) { .holder = LOWER, .other = LOWER };

static volatile sig_atomic_t breaks, break_signal = SIGIO;

static void lease_break(int sig)
{
	breaks += sig == break_signal;
}

static long perform(struct party *p, const struct request *r)
{
	struct flock fl = {
		.l_type = r->type, .l_whence = SEEK_SET,
		.l_start = r->start, .l_len = r->len,
	};
	long ret = -1;

	switch (r->op) {
	case OPEN:
		p->fd = open(p->path, r->arg);
		ret = p->fd < 0 ? -1 : 0;
		break;
	case CLOSE:
		ret = close(p->fd);
		break;
	case FLOCK:
		ret = flock(p->fd, r->arg);
		break;
	case POSIX:
		ret = fcntl(p->fd, r->arg, &fl);
		p->seen = fl;
		break;
	case LEASE:
		ret = fcntl(p->fd, F_SETLEASE, r->arg);
		break;
	case GET_LEASE:
		ret = fcntl(p->fd, F_GETLEASE);
		break;
	case BREAKS:
		ret = breaks;
		break;
	case OWNER:
		break_signal = r->arg;
		ret = fcntl(p->fd, F_SETOWN, getpid()) ?: fcntl(p->fd, F_SETSIG, r->arg);
		break;
	}
	return ret < 0 ? -errno : ret;
}

static void serve(struct party *p, int requests, int replies)
{
	struct sigaction sa = { .sa_handler = lease_break, .sa_flags = SA_RESTART };
	struct request r;
	long ret;

	sigaction(SIGIO, &sa, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	while (read(requests, &r, sizeof(r)) == sizeof(r)) {
		ret = perform(p, &r);
		if (write(replies, &ret, sizeof(ret)) != sizeof(ret) ||
		    write(replies, &p->seen, sizeof(p->seen)) < 0)
			break;
	}
	_exit(0);
}

static void start_party(struct party *p, enum side side)
{
	int to[2], from[2];

	*p = (struct party){ .path = path_in(side_dir(side), NAME), .fd = -1 };
	if (pipe(to) || pipe(from))
		fmap_die("pipe");
	p->pid = fork();
	if (!p->pid) {
		close(to[1]);
		close(from[0]);
		serve(p, to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	p->to = to[1];
	p->from = from[0];
}

static void send_request(struct party *p, const struct request *r)
{
	if (write(p->to, r, sizeof(*r)) != sizeof(*r))
		fmap_die("asking the other process");
}

static long get_reply(struct party *p)
{
	long ret;

	if (read(p->from, &ret, sizeof(ret)) != sizeof(ret) ||
	    read(p->from, &p->seen, sizeof(p->seen)) != sizeof(p->seen))
		fmap_die("no reply from the other process");
	return ret;
}

static bool has_reply(struct party *p, int ms)
{
	struct pollfd pfd = { .fd = p->from, .events = POLLIN };

	return poll(&pfd, 1, ms) == 1;
}

static long ask(struct party *p, struct request r)
{
	send_request(p, &r);
	return get_reply(p);
}

static void end_party(struct party *p)
{
	if (p->pid <= 0)
		return;
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	close(p->to);
	close(p->from);
	p->pid = 0;
}

#define DO(party, what, with) \
	ask(&self->party, (struct request){ .op = (what), .arg = (with) })
#define LOCK(party, cmd, t, s, l) \
	ask(&self->party, (struct request){ .op = POSIX, .arg = (cmd), \
		.type = (t), .start = (s), .len = (l) })

FIXTURE_SETUP(two)
{
	close(make_file(path_in(fmap_lower(), NAME), 3 * fmap_page(), 1));
	start_party(&self->holder, variant->holder);
	start_party(&self->other, variant->other);
	ASSERT_EQ(0, DO(holder, OPEN, O_RDWR));
	ASSERT_EQ(0, DO(other, OPEN, O_RDWR));
}

FIXTURE_TEARDOWN(two)
{
	end_party(&self->holder);
	end_party(&self->other);
	EXPECT_EQ(0, unlink(path_in(fmap_lower(), NAME)));
}

/* --- flock ---------------------------------------------------------------------- */

TEST_F(two, flock_exclusive)
{
	ASSERT_EQ(0, DO(holder, FLOCK, LOCK_EX | LOCK_NB));
	EXPECT_EQ(-EWOULDBLOCK, DO(other, FLOCK, LOCK_EX | LOCK_NB));
	EXPECT_EQ(-EWOULDBLOCK, DO(other, FLOCK, LOCK_SH | LOCK_NB));
	EXPECT_EQ(0, DO(holder, FLOCK, LOCK_UN));
	EXPECT_EQ(0, DO(other, FLOCK, LOCK_EX | LOCK_NB));
	EXPECT_EQ(-EWOULDBLOCK, DO(holder, FLOCK, LOCK_SH | LOCK_NB));
}

TEST_F(two, flock_shared)
{
	ASSERT_EQ(0, DO(holder, FLOCK, LOCK_SH | LOCK_NB));
	EXPECT_EQ(0, DO(other, FLOCK, LOCK_SH | LOCK_NB));
	EXPECT_EQ(-EWOULDBLOCK, DO(other, FLOCK, LOCK_EX | LOCK_NB));
	/* A failed upgrade may give up what it had; then nobody is left. */
	EXPECT_EQ(0, DO(other, FLOCK, LOCK_UN));
	EXPECT_EQ(0, DO(holder, FLOCK, LOCK_EX | LOCK_NB));
}

TEST_F(two, flock_ends_with_close)
{
	ASSERT_EQ(0, DO(holder, FLOCK, LOCK_EX));
	EXPECT_EQ(-EWOULDBLOCK, DO(other, FLOCK, LOCK_EX | LOCK_NB));
	EXPECT_EQ(0, DO(holder, CLOSE, 0));
	EXPECT_EQ(0, DO(other, FLOCK, LOCK_EX | LOCK_NB));
}

TEST_F(two, flock_waits)
{
	struct request wait = { .op = FLOCK, .arg = LOCK_EX };

	ASSERT_EQ(0, DO(holder, FLOCK, LOCK_EX));
	send_request(&self->other, &wait);
	EXPECT_FALSE(has_reply(&self->other, 100));
	EXPECT_EQ(0, DO(holder, FLOCK, LOCK_UN));
	EXPECT_EQ(0, get_reply(&self->other));
	EXPECT_EQ(-EWOULDBLOCK, DO(holder, FLOCK, LOCK_SH | LOCK_NB));
}

TEST_F(two, flock_ends_with_the_process)
{
	ASSERT_EQ(0, DO(holder, FLOCK, LOCK_EX));
	EXPECT_EQ(-EWOULDBLOCK, DO(other, FLOCK, LOCK_EX | LOCK_NB));
	end_party(&self->holder);
	EXPECT_EQ(0, DO(other, FLOCK, LOCK_EX | LOCK_NB));
}

/* --- POSIX locks ------------------------------------------------------------------ */

TEST_F(two, posix_ranges)
{
	ASSERT_EQ(0, LOCK(holder, F_SETLK, F_WRLCK, 100, 50));
	EXPECT_EQ(-EAGAIN, LOCK(other, F_SETLK, F_WRLCK, 149, 10));
	EXPECT_EQ(-EAGAIN, LOCK(other, F_SETLK, F_RDLCK, 0, 101));
	EXPECT_EQ(-EAGAIN, LOCK(other, F_SETLK, F_WRLCK, 0, 0));
	EXPECT_EQ(0, LOCK(other, F_SETLK, F_WRLCK, 0, 100));
	EXPECT_EQ(0, LOCK(other, F_SETLK, F_WRLCK, 150, 0));
	/* Part of it back. */
	EXPECT_EQ(0, LOCK(holder, F_SETLK, F_UNLCK, 120, 10));
	EXPECT_EQ(0, LOCK(other, F_SETLK, F_RDLCK, 120, 10));
	EXPECT_EQ(-EAGAIN, LOCK(other, F_SETLK, F_RDLCK, 119, 1));
	EXPECT_EQ(-EAGAIN, LOCK(other, F_SETLK, F_RDLCK, 130, 1));
}

TEST_F(two, posix_readers)
{
	ASSERT_EQ(0, LOCK(holder, F_SETLK, F_RDLCK, 0, 100));
	EXPECT_EQ(0, LOCK(other, F_SETLK, F_RDLCK, 50, 100));
	EXPECT_EQ(-EAGAIN, LOCK(other, F_SETLK, F_WRLCK, 50, 10));
	EXPECT_EQ(-EAGAIN, LOCK(holder, F_SETLK, F_WRLCK, 50, 10));
	EXPECT_EQ(0, LOCK(holder, F_SETLK, F_WRLCK, 0, 50));
}

TEST_F(two, posix_getlk)
{
	ASSERT_EQ(0, LOCK(holder, F_SETLK, F_WRLCK, 1000, 24));
	ASSERT_EQ(0, LOCK(other, F_GETLK, F_RDLCK, 0, 0));
	EXPECT_EQ(F_WRLCK, self->other.seen.l_type);
	EXPECT_EQ(SEEK_SET, self->other.seen.l_whence);
	EXPECT_EQ(1000, self->other.seen.l_start);
	EXPECT_EQ(24, self->other.seen.l_len);
	EXPECT_EQ(self->holder.pid, self->other.seen.l_pid);
	ASSERT_EQ(0, LOCK(other, F_GETLK, F_WRLCK, 0, 1000));
	EXPECT_EQ(F_UNLCK, self->other.seen.l_type);
	/* One's own lock is no conflict. */
	ASSERT_EQ(0, LOCK(holder, F_GETLK, F_WRLCK, 0, 0));
	EXPECT_EQ(F_UNLCK, self->holder.seen.l_type);
}

TEST_F(two, posix_ends_with_close)
{
	ASSERT_EQ(0, LOCK(holder, F_SETLK, F_WRLCK, 0, 0));
	EXPECT_EQ(-EAGAIN, LOCK(other, F_SETLK, F_WRLCK, 0, 0));
	EXPECT_EQ(0, DO(holder, CLOSE, 0));
	EXPECT_EQ(0, LOCK(other, F_SETLK, F_WRLCK, 0, 0));
}

TEST_F(two, posix_ends_with_the_process)
{
	ASSERT_EQ(0, LOCK(holder, F_SETLK, F_WRLCK, 0, 0));
	EXPECT_EQ(-EAGAIN, LOCK(other, F_SETLK, F_WRLCK, 0, 0));
	end_party(&self->holder);
	EXPECT_EQ(0, LOCK(other, F_SETLK, F_WRLCK, 0, 0));
}

TEST_F(two, posix_waits)
{
	struct request wait = { POSIX, F_SETLKW, F_WRLCK, 0, 10 };

	ASSERT_EQ(0, LOCK(holder, F_SETLK, F_WRLCK, 5, 10));
	send_request(&self->other, &wait);
	EXPECT_FALSE(has_reply(&self->other, 100));
	EXPECT_EQ(0, LOCK(holder, F_SETLK, F_UNLCK, 0, 0));
	EXPECT_EQ(0, get_reply(&self->other));
	EXPECT_EQ(-EAGAIN, LOCK(holder, F_SETLK, F_RDLCK, 0, 1));
}

TEST_F(two, posix_deadlock)
{
	struct request wait = { POSIX, F_SETLKW, F_WRLCK, 0, 10 };

	ASSERT_EQ(0, LOCK(holder, F_SETLK, F_WRLCK, 0, 10));
	ASSERT_EQ(0, LOCK(other, F_SETLK, F_WRLCK, 10, 10));
	send_request(&self->other, &wait);
	EXPECT_FALSE(has_reply(&self->other, 100));
	EXPECT_EQ(-EDEADLK, LOCK(holder, F_SETLKW, F_WRLCK, 10, 10));
	EXPECT_EQ(0, LOCK(holder, F_SETLK, F_UNLCK, 0, 0));
	EXPECT_EQ(0, get_reply(&self->other));
}

/* As SQLite does it: a byte to announce, 510 bytes that readers share. */
TEST_F(two, like_sqlite)
{
	const off_t pending = 0x40000000, reserved = pending + 1, shared = pending + 2;

	/* A reader. */
	EXPECT_EQ(0, LOCK(holder, F_SETLK, F_RDLCK, pending, 1));
	EXPECT_EQ(0, LOCK(holder, F_SETLK, F_RDLCK, shared, 510));
	EXPECT_EQ(0, LOCK(holder, F_SETLK, F_UNLCK, pending, 1));
	/* A writer gets ready, must wait for the reader, keeps others out. */
	EXPECT_EQ(0, LOCK(other, F_SETLK, F_RDLCK, shared, 510));
	EXPECT_EQ(0, LOCK(other, F_SETLK, F_WRLCK, reserved, 1));
	EXPECT_EQ(0, LOCK(other, F_SETLK, F_WRLCK, pending, 1));
	EXPECT_EQ(-EAGAIN, LOCK(other, F_SETLK, F_WRLCK, shared, 510));
	EXPECT_EQ(-EAGAIN, LOCK(holder, F_SETLK, F_WRLCK, reserved, 1));
	EXPECT_EQ(-EAGAIN, LOCK(holder, F_SETLK, F_RDLCK, pending, 1));
	/* The reader is done. */
	EXPECT_EQ(0, LOCK(holder, F_SETLK, F_UNLCK, shared, 510));
	EXPECT_EQ(0, LOCK(other, F_SETLK, F_WRLCK, shared, 510));
	EXPECT_EQ(-EAGAIN, LOCK(holder, F_SETLK, F_RDLCK, shared, 1));
}

/* --- open file description locks ----------------------------------------------------- */

TEST_F(two, ofd)
{
	ASSERT_EQ(0, LOCK(holder, F_OFD_SETLK, F_WRLCK, 0, 100));
	EXPECT_EQ(-EAGAIN, LOCK(other, F_OFD_SETLK, F_RDLCK, 99, 1));
	EXPECT_EQ(-EAGAIN, LOCK(other, F_SETLK, F_WRLCK, 0, 1));
	EXPECT_EQ(0, LOCK(other, F_OFD_SETLK, F_WRLCK, 100, 1));
	ASSERT_EQ(0, LOCK(other, F_OFD_GETLK, F_WRLCK, 0, 50));
	EXPECT_EQ(F_WRLCK, self->other.seen.l_type);
	EXPECT_EQ(-1, self->other.seen.l_pid);
	EXPECT_EQ(0, DO(holder, CLOSE, 0));
	EXPECT_EQ(0, LOCK(other, F_OFD_SETLK, F_RDLCK, 0, 0));
}

/* Two descriptions of one process exclude each other, whatever their paths. */
TEST_F(two, ofd_in_one_process)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int a = open(self->holder.path, O_RDWR), b = open(self->other.path, O_RDWR);

	ASSERT_EQ(0, fcntl(a, F_OFD_SETLK, &fl));
	EXPECT_EQ(-1, fcntl(b, F_OFD_SETLK, &fl));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(-EAGAIN, LOCK(other, F_SETLK, F_RDLCK, 0, 1));
	close(a);
	EXPECT_EQ(0, fcntl(b, F_OFD_SETLK, &fl));
	close(b);
}

/* --- leases ------------------------------------------------------------------------- */

/* A holder that only reads, so that nothing is open for writing. */
static void reopen_read_only(struct __test_metadata *_metadata, FIXTURE_DATA(two) *self)
{
	ASSERT_EQ(0, DO(holder, CLOSE, 0));
	ASSERT_EQ(0, DO(other, CLOSE, 0));
	ASSERT_EQ(0, DO(holder, OPEN, O_RDONLY));
}

TEST_F(two, read_lease)
{
	long ret;

	reopen_read_only(_metadata, self);
	ret = DO(holder, LEASE, F_RDLCK);
	if (ret == -EINVAL)
		SKIP(return, "the lower filesystem has no leases");
	ASSERT_EQ(0, ret);
	/* The kernel looks for it in the mount's own inode, where none can be. */
	if (variant->holder == LOWER) {
		EXPECT_EQ(F_RDLCK, DO(holder, GET_LEASE, 0));
	}
	EXPECT_EQ(0, DO(other, OPEN, O_RDONLY));
	EXPECT_EQ(0, DO(other, CLOSE, 0));
	EXPECT_EQ(0, DO(holder, BREAKS, 0));
	EXPECT_EQ(-EWOULDBLOCK, DO(other, OPEN, O_WRONLY | O_NONBLOCK));
	EXPECT_EQ(1, DO(holder, BREAKS, 0));
	EXPECT_EQ(0, DO(holder, LEASE, F_UNLCK));
	EXPECT_EQ(0, DO(other, OPEN, O_WRONLY | O_NONBLOCK));
	EXPECT_EQ(-EAGAIN, DO(holder, LEASE, F_RDLCK));
}

TEST_F(two, lease_ends_with_close)
{
	reopen_read_only(_metadata, self);
	if (DO(holder, LEASE, F_RDLCK) == -EINVAL)
		SKIP(return, "the lower filesystem has no leases");
	EXPECT_EQ(-EWOULDBLOCK, DO(other, OPEN, O_WRONLY | O_NONBLOCK));
	EXPECT_EQ(0, DO(holder, CLOSE, 0));
	EXPECT_EQ(0, DO(other, OPEN, O_WRONLY | O_NONBLOCK));
}

/* It is told by the signal that it has asked for. */
TEST_F(two, lease_signal)
{
	reopen_read_only(_metadata, self);
	ASSERT_EQ(0, DO(holder, OWNER, SIGUSR1));
	if (DO(holder, LEASE, F_RDLCK) == -EINVAL)
		SKIP(return, "the lower filesystem has no leases");
	EXPECT_EQ(-EWOULDBLOCK, DO(other, OPEN, O_WRONLY | O_NONBLOCK));
	EXPECT_EQ(1, DO(holder, BREAKS, 0));
	EXPECT_EQ(0, DO(holder, LEASE, F_UNLCK));
	EXPECT_EQ(0, DO(other, OPEN, O_WRONLY | O_NONBLOCK));
}

/* A write lease, where the lower filesystem itself gives one. */
TEST_F(two, write_lease)
{
	reopen_read_only(_metadata, self);
	if (DO(holder, LEASE, F_WRLCK))
		SKIP(return, "no write lease here");
	EXPECT_EQ(-EWOULDBLOCK, DO(other, OPEN, O_RDONLY | O_NONBLOCK));
	EXPECT_EQ(1, DO(holder, BREAKS, 0));
	EXPECT_EQ(0, DO(holder, LEASE, F_UNLCK));
	EXPECT_EQ(0, DO(other, OPEN, O_RDONLY | O_NONBLOCK));
}

FMAP_TEST_MAIN
