// SPDX-License-Identifier: GPL-2.0
/*
 * Filesystems above ours that open our files and map them as their own. Overlayfs
 * keeps our file for as long as one of its own is mapped: our hooks stay. FUSE
 * passthrough does not: the mapping goes on without them, when we are long gone.
 */
#include <linux/fuse.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>

#include "fmap_mounts.h"
#include "mapping.h"

#define DIR	"/tmp/fmapfs-above"
#define BASE	"/tmp/fmapfs-above.d"
#define ABOVE	BASE "/above"
#define NAME	"above.data"
#define PAGES	64

FIXTURE(above) {
	size_t page, len;
	struct fmap_counters before;
	struct fmap_counters d;
};

FIXTURE_SETUP(above)
{
	self->page = fmap_page();
	self->len = PAGES * self->page;
	mkdir(BASE, 0755);
	if (mount("none", BASE, "tmpfs", 0, NULL) || mkdir(ABOVE, 0755))
		fmap_die(BASE);
	fmap_own_mount(DIR, "ramfs", "none", "");
	fmap_remount_plain();
	close(make_file(fmap_at(fmap_mnt(), NAME).s, self->len, 1));
	fmap_read_counters(&self->before);
}

FIXTURE_TEARDOWN(above)
{
	umount(ABOVE);
	if (!access(fmap_mnt(), F_OK))
		EXPECT_EQ(0, fmap_own_umount(DIR));
	EXPECT_EQ(0, umount(BASE));
	rmdir(BASE);
}

#define COUNT()	fmap_counters_since(&self->before, &self->d)

/* Mapped and closed, and what nobody uses is forgotten. */
static unsigned char *map_above(const FIXTURE_DATA(above) *self)
{
	int fd = open(ABOVE "/" NAME, O_RDONLY);
	unsigned char *map;

	if (fd < 0)
		fmap_die("opening it above");
	map = fmap_map_at_slot(fd, 0, self->len, PROT_READ, MAP_SHARED, 0);
	close(fd);
	return map;
}

static void forget(void)
{
	fmap_write_file("/proc/sys/vm/drop_caches", "2");
}

/* --- overlayfs ------------------------------------------------------------------------ */

TEST_F(above, overlay)
{
	unsigned char *map;

	if (!fmap_sh("modprobe -q overlay || grep -qw overlay /proc/filesystems"))
		SKIP(return, "no overlayfs");
	/* Two lower layers, and none to write to. */
	ASSERT_TRUE(fmap_sh("mkdir %s/empty && mount -t overlay -o lowerdir=%s:%s/empty "
			    "none %s", BASE, fmap_mnt(), BASE, ABOVE));
	map = map_above(self);
	forget();
	EXPECT_EQ(pattern(1, 20 * self->page), map[20 * self->page]);
	COUNT();
	EXPECT_COUNT(1, self->d, map_wrapped);
	EXPECT_COUNT(1, self->d, fa_calls);
	EXPECT_NE(0, umount(ABOVE));
	munmap(map, self->len);
}

/* --- FUSE passthrough ------------------------------------------------------------------- */

/* Newer than the headers may be. */
#define PASSTHROUGH_MINOR	40
#define PASSTHROUGH		(1 << (37 - 32))	/* in flags2 */
#define OPEN_PASSTHROUGH	(1 << 7)

struct backing_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};

struct backing_open_out {
	uint64_t fh;
	uint32_t open_flags;
	int32_t backing_id;
};

#define BACKING_OPEN	_IOW(229, 1, struct backing_map)
#define BACKING_CLOSE	_IOW(229, 2, uint32_t)

/* Serves one file, whose data are those of ours. */
static struct server {
	int dev;
	int backing_id;
	size_t len;
	atomic_int released;
} server;

static void reply(const struct fuse_in_header *in, int error, const void *data, size_t len)
{
	unsigned char buf[256];
	struct fuse_out_header out = { .len = sizeof(out) + len, .error = error,
				       .unique = in->unique };

	memcpy(buf, &out, sizeof(out));
	if (len)
		memcpy(buf + sizeof(out), data, len);
	if (write(server.dev, buf, out.len) != (ssize_t)out.len)
		printf("# fuse: operation %u: %s\n", in->opcode, strerror(errno));
}

static struct fuse_attr attr_of(uint64_t node)
{
	return (struct fuse_attr) {
		.ino = node, .nlink = 1, .blksize = 4096,
		.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644,
		.size = node == FUSE_ROOT_ID ? 0 : server.len,
	};
}

static void reply_init(const struct fuse_in_header *in)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION, .minor = PASSTHROUGH_MINOR,
		.flags = FUSE_INIT_EXT, .flags2 = PASSTHROUGH, .max_write = 4096,
	};
	uint32_t depth = 2;

	/* max_stack_depth */
	memcpy((char *)&out + offsetof(struct fuse_init_out, flags2) + sizeof(out.flags2),
	       &depth, sizeof(depth));
	reply(in, 0, &out, sizeof(out));
}

static void reply_open(const struct fuse_in_header *in)
{
	struct backing_open_out out = { .open_flags = OPEN_PASSTHROUGH };
	struct backing_map map = { .fd = open(fmap_at(fmap_mnt(), NAME).s, O_RDONLY) };

	out.backing_id = ioctl(server.dev, BACKING_OPEN, &map);
	server.backing_id = out.backing_id;
	close(map.fd);
	if (out.backing_id > 0)
		reply(in, 0, &out, sizeof(out));
	else
		reply(in, -EOPNOTSUPP, NULL, 0);
}

static void answer(const struct fuse_in_header *in)
{
	struct fuse_attr_out attr = { .attr = attr_of(in->nodeid) };
	struct fuse_entry_out entry = { .nodeid = 2, .attr = attr_of(2) };
	uint32_t id = server.backing_id;

	switch (in->opcode) {
	case FUSE_INIT:
		reply_init(in);
		break;
	case FUSE_LOOKUP:
		reply(in, 0, &entry, sizeof(entry));
		break;
	case FUSE_GETATTR:
		reply(in, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
		reply_open(in);
		break;
	case FUSE_RELEASE:
		ioctl(server.dev, BACKING_CLOSE, &id);
		reply(in, 0, NULL, 0);
		atomic_store(&server.released, 1);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		reply(in, -ENOSYS, NULL, 0);
	}
}

static void *serve(void *unused)
{
	static union {
		struct fuse_in_header in;
		char bytes[1 << 17];
	} request;

	while (read(server.dev, &request, sizeof(request)) > 0)
		answer(&request.in);
	return unused;
}

static bool mount_fuse(size_t len)
{
	char options[64];
	pthread_t thread;

	fmap_sh("modprobe -q fuse || :");
	server.len = len;
	server.dev = open("/dev/fuse", O_RDWR);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0",
		 server.dev);
	if (server.dev < 0 || mount("fuse", ABOVE, "fuse", 0, options))
		return false;
	return !pthread_create(&thread, NULL, serve, NULL) && !pthread_detach(thread);
}

/* The last of us goes while it is mapped. */
TEST_F(above, fuse_passthrough)
{
	unsigned char *map;
	int fd, tries;

	if (!mount_fuse(self->len))
		SKIP(return, "no FUSE");
	fd = open(ABOVE "/" NAME, O_RDONLY);
	if (fd < 0 && errno == EOPNOTSUPP)
		SKIP(return, "FUSE knows no passthrough");
	ASSERT_LE(0, fd);
	close(fd);
	map = map_above(self);
	for (tries = 0; tries < 500 && !atomic_load(&server.released); tries++)
		usleep(10000);
	COUNT();
	EXPECT_COUNT(1, self->d, map_delegated);
	EXPECT_COUNT(0, self->d, map_wrapped);
	forget();
	ASSERT_EQ(0, fmap_own_umount(DIR));
	EXPECT_EQ(pattern(1, 20 * self->page), map[20 * self->page]);
	munmap(map, self->len);
}

FMAP_TEST_MAIN
