// SPDX-License-Identifier: GPL-2.0
/*
 * The mount answers as the lower filesystem does: reading, writing, space, copies,
 * mappings.
 */
#include <linux/aio_abi.h>
#include <linux/falloc.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "conformance.h"

/* --- reading and writing -------------------------------------------------------------- */

static long aio(int fd, int op, void *data, size_t len, off_t at)
{
	struct iocb cb = {
		.aio_lio_opcode = op, .aio_fildes = fd, .aio_buf = (uintptr_t)data,
		.aio_nbytes = len, .aio_offset = at,
	};
	struct iocb *cbs[] = { &cb };
	struct io_event ev;
	aio_context_t ctx = 0;
	long ret;

	if (syscall(SYS_io_setup, 1, &ctx))
		return -1;
	ret = syscall(SYS_io_submit, ctx, 1, cbs);
	if (ret == 1 && syscall(SYS_io_getevents, ctx, 1, 1, &ev, NULL) == 1) {
		ret = ev.res < 0 ? -1 : ev.res;
		errno = ev.res < 0 ? -ev.res : 0;
	}
	syscall(SYS_io_destroy, ctx);
	return ret;
}

static void read_and_write(int fd, char *data)
{
	struct iovec iov[2] = { { data, 4096 }, { data + 8192, 8192 } };

	DO(pwrite(fd, data, 16384, 0));
	DO(pread(fd, data, 4096, 4096));
	DO(write(fd, data, 512));
	DO(lseek(fd, 0, SEEK_CUR));
	DO(writev(fd, iov, 2));
	DO(lseek(fd, 0, SEEK_SET));
	DO(readv(fd, iov, 2));
	DO(pread(fd, data, 4096, 1 << 20));
	DO(pread(fd, data, 65536, 8192));
	DO(pwrite(fd, data, 4096, 65536));
	DO(pread(fd, data, 4096, -1));
	DO(syscall(SYS_read, fd, 8, 4096));
	DO(syscall(SYS_write, fd, 8, 4096));
	DO(read(fd, data, 0));
	DO(aio(fd, IOCB_CMD_PWRITE, data, 8192, 131072));
	DO(aio(fd, IOCB_CMD_PREAD, data, 8192, 131072));
	DO(aio(fd, IOCB_CMD_PREAD, data, 8192, 1 << 20));
	DO(aio(fd, IOCB_CMD_PWRITE, data + 1, 100, 7));
	DO(preadv2(fd, iov, 2, 0, RWF_NOWAIT) != 0);
	DO(pwritev2(fd, iov, 1, 4096, RWF_DSYNC));
	DO(pwritev2(fd, iov, 1, 8192, RWF_SYNC));
	DO(pwritev2(fd, iov, 1, -1, RWF_APPEND));
	DO(pwritev2(fd, iov, 1, 0, 0x40000000));
	DO(lseek(fd, 0, SEEK_CUR));
	FSTAT(fd);
	DO(fsync(fd));
	DO(fdatasync(fd));
	DO(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	DO(syncfs(fd));
	DATA(fd);
}

static const int open_flags[] = {
	0, O_APPEND, O_SYNC, O_DSYNC, O_DIRECT, O_DIRECT | O_APPEND, O_DIRECT | O_SYNC,
	O_NONBLOCK,
};

CONFORMS(read_write)
{
	char *data = aligned_alloc(65536, 131072);
	unsigned int i;
	int fd;

	memset(data, 'd', 131072);
	for (i = 0; i < sizeof(open_flags) / sizeof(open_flags[0]); i++) {
		SAY("open flags %#x", open_flags[i]);
		fd = OPEN(open("f", O_RDWR | O_CREAT | O_TRUNC | open_flags[i], 0600));
		if (fd < 0)
			continue;
		read_and_write(fd, data);
		SAY("flags %#x", fcntl(fd, F_GETFL));
		close(fd);
	}
	fd = OPEN(open("f", O_RDWR));
	DO(fcntl(fd, F_SETFL, O_APPEND));
	DO(pwrite(fd, "appended", 8, 0));
	DO(fcntl(fd, F_SETFL, O_DIRECT));
	DO(pread(fd, data + 1, 512, 0));
	DO(pread(fd, data, 4096, 0));
	DO(fcntl(fd, F_SETFL, O_NOATIME));
	DO(fcntl(fd, F_SETFL, 0));
	DO(pread(fd, data, 10, 3));
	FSTAT(fd);
	close(fd);
	fd = OPEN(open("f", O_WRONLY));
	DO(read(fd, data, 1));
	close(fd);
	fd = OPEN(open("f", O_RDONLY));
	DO(write(fd, data, 1));
	DO(ftruncate(fd, 1));
	DO(fallocate(fd, 0, 0, 1));
}

CONFORMS(seek)
{
	int fd = OPEN(open("f", O_RDWR | O_CREAT, 0600));

	DO(pwrite(fd, "data", 4, 1 << 20));
	DO(ftruncate(fd, 4 << 20));
	DO(fsync(fd));
	DO(lseek(fd, 0, SEEK_HOLE));
	DO(lseek(fd, 0, SEEK_DATA));
	DO(lseek(fd, 1 << 20, SEEK_HOLE));
	DO(lseek(fd, (1 << 20) + 1, SEEK_DATA));
	DO(lseek(fd, 3 << 20, SEEK_DATA));
	DO(lseek(fd, 4 << 20, SEEK_DATA));
	DO(lseek(fd, 4 << 20, SEEK_HOLE));
	DO(lseek(fd, -1, SEEK_SET));
	DO(lseek(fd, 0, SEEK_END));
	DO(lseek(fd, 10, SEEK_END));
	DO(lseek(fd, -5, SEEK_CUR));
	DO(lseek(fd, 1LL << 62, SEEK_SET));
	DO(lseek(fd, 0, 99));
	DO(read(fd, buf, 10));
	FSTAT(fd);
}

CONFORMS(fallocate)
{
	static const int modes[] = {
		0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE,
		FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_COLLAPSE_RANGE,
		FALLOC_FL_INSERT_RANGE, FALLOC_FL_UNSHARE_RANGE, 0x1000,
	};
	unsigned int i;
	int fd;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		SAY("mode %#x", modes[i]);
		fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0600);
		memset(buf, 'f', sizeof(buf));
		DO(write(fd, buf, 65536));
		DO(fallocate(fd, modes[i], 4096, 8192));
		FSTAT(fd);
		DO(fallocate(fd, modes[i], 4096 * 15, 4096 * 8));
		FSTAT(fd);
		DO(fallocate(fd, modes[i], 100, 1000));
		DO(fallocate(fd, modes[i], 0, 0));
		DO(fallocate(fd, modes[i], -1, 10));
		DO(fallocate(fd, modes[i], 0, 1LL << 62));
		DATA(fd);
		FSTAT(fd);
		close(fd);
	}
}

CONFORMS(splice)
{
	int p[2], from, to;
	off_t at;

	if (pipe(p))
		fmap_die("pipe");
	from = OPEN(open("from", O_RDWR | O_CREAT, 0600));
	memset(buf, 's', 20000);
	DO(write(from, buf, 20000));
	to = OPEN(open("to", O_RDWR | O_CREAT, 0600));
	DO(splice(from, &(off_t){ 0 }, p[1], NULL, 4096, 0));
	DO(read(p[0], buf, sizeof(buf)));
	DO(write(p[1], "through a pipe", 14));
	DO(splice(p[0], NULL, to, &(off_t){ 5 }, 14, 0));
	DATA(to);
	DO(sendfile(to, from, &(off_t){ 100 }, 10000));
	DATA(to);
	FSTAT(to);
	DO(tee(p[0], p[1], 10, SPLICE_F_NONBLOCK));
	DO(vmsplice(p[1], &(struct iovec){ buf, 100 }, 1, 0));
	DO(splice(p[0], NULL, to, NULL, 100, 0));
	DO(lseek(to, 0, SEEK_CUR));
	close(to);
	to = OPEN(open("to", O_WRONLY | O_APPEND));
	DO(write(p[1], "x", 1));
	DO(splice(p[0], NULL, to, NULL, 1, 0));
	close(to);
	at = 19990;
	DO(splice(from, &at, p[1], NULL, 4096, 0));
	SAY("offset %lld", (long long)at);
	DO(splice(from, &at, p[1], NULL, 4096, SPLICE_F_NONBLOCK));
	STAT("to");
}

CONFORMS(copy)
{
	struct file_clone_range range = { .src_offset = 0, .src_length = 8192,
					  .dest_offset = 4096 };
	struct {
		struct file_dedupe_range head;
		struct file_dedupe_range_info info;
	} dedupe = { .head = { .src_length = 4096, .dest_count = 1 } };
	int from, to;

	from = OPEN(open("from", O_RDWR | O_CREAT, 0600));
	memset(buf, 'c', sizeof(buf));
	DO(write(from, buf, 65536));
	fsync(from);
	to = OPEN(open("to", O_RDWR | O_CREAT, 0600));
	DO(copy_file_range(from, &(loff_t){ 0 }, to, &(loff_t){ 0 }, 10000, 0));
	DATA(to);
	DO(copy_file_range(from, &(loff_t){ 60000 }, to, &(loff_t){ 20000 }, 10000, 0));
	DATA(to);
	DO(copy_file_range(from, &(loff_t){ 70000 }, to, &(loff_t){ 0 }, 10000, 0));
	DO(copy_file_range(from, &(loff_t){ 0 }, from, &(loff_t){ 100 }, 1000, 0));
	DO(copy_file_range(from, &(loff_t){ 0 }, from, &(loff_t){ 40000 }, 1000, 0));
	DO(copy_file_range(from, &(loff_t){ 0 }, to, &(loff_t){ 0 }, 1000, 1));
	DO(copy_file_range(from, &(loff_t){ -1 }, to, &(loff_t){ 0 }, 1000, 0));
	FSTAT(to);
	DO(ioctl(to, FICLONE, from));
	DATA(to);
	range.src_fd = from;
	DO(ioctl(to, FICLONERANGE, &range));
	range.src_length = 1000;
	DO(ioctl(to, FICLONERANGE, &range));
	range.src_length = 0;
	range.src_offset = 1 << 20;
	DO(ioctl(to, FICLONERANGE, &range));
	DATA(to);
	FSTAT(to);
	DO(pwrite(to, buf, 65536, 0));
	fsync(to);
	dedupe.info.dest_fd = to;
	/* Where there is none, the mount says so range by range. */
	if (ioctl(from, FIDEDUPERANGE, &dedupe) == 0 && dedupe.info.status != -EOPNOTSUPP) {
		SAY("dedupe status %d, %llu bytes", dedupe.info.status,
		    (unsigned long long)dedupe.info.bytes_deduped);
		DO(pwrite(to, "different", 9, 0));
		DO(ioctl(from, FIDEDUPERANGE, &dedupe));
		SAY("dedupe status %d, %llu bytes", dedupe.info.status,
		    (unsigned long long)dedupe.info.bytes_deduped);
	}
	DATA(to);
	close(to);
	to = OPEN(open("to", O_WRONLY | O_APPEND));
	DO(copy_file_range(from, &(loff_t){ 0 }, to, NULL, 10, 0));
	DO(ioctl(to, FICLONE, from));
	close(to);
	to = OPEN(open("to", O_RDONLY));
	DO(copy_file_range(from, &(loff_t){ 0 }, to, NULL, 10, 0));
	DO(ioctl(to, FICLONE, from));
	DO(ioctl(to, FICLONE, -1));
	to = OPEN(open("/dev/null", O_RDWR));
	DO(ioctl(to, FICLONE, from));
	DO(copy_file_range(from, &(loff_t){ 0 }, to, NULL, 10, 0));
	to = OPEN(open(".", O_RDONLY));
	DO(copy_file_range(from, &(loff_t){ 0 }, to, NULL, 10, 0));
	DO(copy_file_range(to, &(loff_t){ 0 }, from, NULL, 10, 0));
}

CONFORMS(advice)
{
	static const int advices[] = {
		POSIX_FADV_NORMAL, POSIX_FADV_RANDOM, POSIX_FADV_SEQUENTIAL,
		POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED, POSIX_FADV_NOREUSE, 77,
	};
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	unsigned int i;

	DO(write(fd, buf, 65536));
	for (i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		SAY("advice %d = %d", advices[i], posix_fadvise(fd, 0, 4096, advices[i]));
	SAY("%d", posix_fadvise(fd, 0, -1, 0));
	DO(readahead(fd, 0, 65536));
	DO(readahead(fd, -1, 65536));
	DO(sync_file_range(fd, 0, -1, 7));
	DO(sync_file_range(fd, 0, 10, 99));
}

CONFORMS(fiemap)
{
	struct {
		struct fiemap head;
		struct fiemap_extent extents[16];
	} map = { .head = { .fm_length = ~0ULL, .fm_flags = FIEMAP_FLAG_SYNC,
			    .fm_extent_count = 16 } };
	unsigned int i;
	int fd;

	fd = open("f", O_RDWR | O_CREAT, 0600);
	DO(pwrite(fd, buf, 4096, 0));
	DO(pwrite(fd, buf, 8192, 1 << 20));
	DO(ftruncate(fd, 4 << 20));
	DO(ioctl(fd, FS_IOC_FIEMAP, &map));
	for (i = 0; i < map.head.fm_mapped_extents; i++)
		SAY("extent at %llu, %llu bytes, flags %x",
		    (unsigned long long)map.extents[i].fe_logical,
		    (unsigned long long)map.extents[i].fe_length, map.extents[i].fe_flags);
	map.head.fm_flags = 0x40000000;
	DO(ioctl(fd, FS_IOC_FIEMAP, &map));
	fd = open(".", O_RDONLY);
	map.head.fm_flags = 0;
	DO(ioctl(fd, FS_IOC_FIEMAP, &map));
	fsync(fd);
	STAT("f");
}


/* A small map of a file, in all ways: what is refused, and what is seen. */
CONFORMS(maps)
{
	static const int prots[] = { PROT_READ, PROT_WRITE, PROT_READ | PROT_WRITE,
				     PROT_EXEC | PROT_READ };
	static const int opens[] = { O_RDONLY, O_WRONLY, O_RDWR };
	unsigned int i, j, k;
	unsigned char *p;
	int fd;

	fd = open("f", O_CREAT | O_RDWR, 0600);
	memset(buf, 'M', 10000);
	DO(write(fd, buf, 10000));
	close(fd);
	for (i = 0; i < 3; i++) {
		for (j = 0; j < 4; j++) {
			for (k = 1; k <= 2; k++) {
				fd = open("f", opens[i]);
				errno = 0;
				p = mmap(NULL, 12288, prots[j], k, fd, 0);
				SAY("open %d prot %d type %d: %s", opens[i], prots[j], k,
				    p == MAP_FAILED ? strerrorname_np(errno) : "mapped");
				if (p != MAP_FAILED) {
					if (prots[j] & PROT_READ)
						SAY("%d %d", p[9999], p[10000]);
					munmap(p, 12288);
				}
				close(fd);
			}
		}
	}
	fd = open("f", O_RDWR);
	DO((long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 100));
	DO((long)mmap(NULL, 0, PROT_READ, MAP_SHARED, fd, 0));
	DO((long)mmap(NULL, 4096, PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0));
}

FMAP_TEST_MAIN
