/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One operation of exercise.c: done to the file through the mount or through the
 * lower directory, then to the model, and the results compared.
 *
 * One that fails must fail through the other path as well, and in the same way:
 * that is what the plain lower filesystem says of it.
 */
#ifndef FMAP_EXERCISE_STEP_H
#define FMAP_EXERCISE_STEP_H

#include "exercise_ops.h"

/* How often each kind was done, and refused. */
static unsigned long done_count[NR_KINDS], refused_count[NR_KINDS];

/*
 * Errors that say "not here", not "broken". A direct read from xfs fails where
 * fallocate() has moved the end into what was set aside beyond it.
 */
static inline bool may_refuse(const struct op *op, int err)
{
	bool direct = op->mode == DIRECT;

	if (err == EIO)
		return direct && lower_is("xfs");
	if (!direct && !(kinds[op->kind].shape & MAY_FAIL))
		return false;
	return err == EINVAL || err == EOPNOTSUPP || err == ENXIO;
}

/* It has failed: does it fail by the other path, too? */
static inline bool refused(const struct op *op, int err)
{
	enum side other = !op->side;
	int err2 = 0;

	refused_count[op->kind]++;
	if (kinds[op->kind].call(op, other) < 0)
		err2 = errno;
	if (err != err2)
		return wrong("%s of file %c: %s; through %s: %s", how(op),
			     file_letter(op->file), strerror(err), side_names[other],
			     err2 ? strerror(err2) : "success");
	if (may_refuse(op, err))
		return true;
	return wrong("%s of file %c: %s, through both paths", how(op),
		     file_letter(op->file), strerror(err));
}

/* What is new in the file shows now whether it was cleared. */
static inline bool settle(unsigned int file)
{
	struct model *m = &models[file];
	size_t off = m->tail, len = m->tail_end - m->tail;
	bool pending = m->tail < m->tail_end && model_has_tail(m);

	m->tail_end = m->tail;
	if (!pending)
		return true;
	if (pread(rig.ways[file][LOWER].fd[PLAIN], rig.buf, len, off) != (ssize_t)len)
		return wrong("file %c: cannot read what it grew by at %#zx",
			     file_letter(file), off);
	return model_agrees(file, off, rig.buf, len, off, "old end after growth");
}

/*
 * vfat refuses a direct write for its alignment once, but has then cut the file
 * to its end, and takes it the next time.
 */
static inline bool is_fickle(const struct op *op)
{
	return op->mode == DIRECT && lower_is("vfat") && (op->off | op->at | op->len) % 512;
}

static inline bool can_run(const struct op *op)
{
	if (kinds[op->kind].shape & AT_END &&
	    models[op->file].size + op->len > max_size())
		return false;
	return has_mode(op->file, FMAP, op->mode) && !is_fickle(op);
}

/* Do it, and tell the model. False if something is wrong. */
static inline bool op_run(const struct op *op)
{
	const struct kind *k = &kinds[op->kind];
	struct model *target = &models[k->shape & TWO ? op->to : op->file];
	size_t size = target->size;
	long ret;

	if (!can_run(op))
		return true;
	ret = k->call(op, op->side);
	if (ret < 0)
		return refused(op, errno);
	done_count[op->kind]++;
	if (k->done ? !k->done(op, ret) : ret != 0)
		return wrong("%s of file %c: %ld", how(op), file_letter(op->file), ret);
	if (target->size != size)
		target->stale = op->side == LOWER;
	return settle(op->file) && settle(op->to);
}

#endif /* FMAP_EXERCISE_STEP_H */
