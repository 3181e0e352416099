// SPDX-License-Identifier: GPL-2.0
/*
 * ->mmap: put the mapping on the lower file, and our hooks over its vm_ops.
 *
 * The VMA goes to the backing file, so that reverse mapping, truncation,
 * writeback and reclaim of the lower filesystem see it in the lower inode. What
 * the lower's mmap sets as vm_ops is copied with our hooks put over it, and the
 * VMA points at the copy.
 *
 * A copy has neither ->open nor ->close of ours: a ->close would keep the core
 * from merging VMAs, and a program that splits and rejoins a mapping would see
 * mremap() fail. So nothing counts the VMAs of a copy. It lives as long as our
 * inode, which every such VMA pins through the path of its backing file: where it
 * does not, there is no copy (fmap_is_pinned_by()).
 */
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "fault.h"
#include "lower.h"

/*
 * Lower filesystems whose ->fault is not filemap_fault() itself but does no
 * more than it, so that ours may stand in for it. Anything else that is not
 * filemap_fault() runs as it is: shmem (swap entries), DAX (no page cache),
 * gfs2, ceph, ocfs2, orangefs, bcachefs (locks of their own), and the unknown.
 */
static const struct {
	const char *fs;
	const char *adds;
} fmap_thin_wrappers[] = {
	{ "xfs",	"a tracepoint, and a lock for DAX only" },
	{ "f2fs",	"a statistic" },
};

static bool fmap_is_filemap_fault(const struct inode *lower,
				  const struct vm_operations_struct *ops)
{
	int i;

	if (IS_DAX(lower))
		return false;
	if (ops->fault == filemap_fault)
		return true;
	for (i = 0; i < ARRAY_SIZE(fmap_thin_wrappers); i++)
		if (!strcmp(lower->i_sb->s_type->name, fmap_thin_wrappers[i].fs))
			return true;
	return false;
}

static void fmap_vm_ops_fill(struct fmap_vm_ops *fvo, struct fmap_inode *fi,
			     const struct vm_operations_struct *lower)
{
	struct vm_operations_struct *ops = &fvo->ops;

	*ops = *lower;
	fvo->lower = lower;
	fvo->sbi = fmap_sbi(fi->vfs_inode.i_sb);
	fvo->inode = fi;
	fvo->fault_is_filemap = fmap_is_filemap_fault(fi->lower, lower);
	fvo->mkwrite_is_filemap = lower->page_mkwrite == filemap_page_mkwrite;

	/*
	 * A hook goes only over what the lower has: ->map_pages promises the
	 * core that ->fault is safe under the per-VMA lock, and ->page_mkwrite
	 * makes it write-protect pages for dirty tracking.
	 */
	ops->fault = fmap_fault;
	if (lower->map_pages)
		ops->map_pages = fmap_map_pages;
	if (lower->page_mkwrite)
		ops->page_mkwrite = fmap_page_mkwrite;
}

static struct fmap_vm_ops *fmap_vm_ops_find(const struct fmap_inode *fi,
					    const struct vm_operations_struct *lower)
{
	struct fmap_vm_ops *fvo;

	/* Pairs with the release in fmap_vm_ops_get(). */
	fvo = smp_load_acquire(&fi->vm_ops);
	while (fvo && fvo->lower != lower)
		fvo = fvo->next;
	return fvo;
}

/*
 * The copy of @lower that belongs to @fi; made of *@spare if there is none yet,
 * which then is no spare any more. One inode can have several: tmpfs chooses by
 * i_nlink, FUSE by open flags.
 */
static struct fmap_vm_ops *fmap_vm_ops_get(struct fmap_inode *fi,
					   const struct vm_operations_struct *lower,
					   struct fmap_vm_ops **spare)
{
	struct fmap_vm_ops *fvo = fmap_vm_ops_find(fi, lower);

	if (fvo)
		return fvo;
	fmap_vm_ops_fill(*spare, fi, lower);

	spin_lock(&fi->vm_ops_lock);
	fvo = fmap_vm_ops_find(fi, lower);
	if (!fvo) {
		fvo = *spare;
		*spare = NULL;
		fvo->next = fi->vm_ops;
		/* Readers without the lock see a copy that is fully written. */
		smp_store_release(&fi->vm_ops, fvo);
	}
	spin_unlock(&fi->vm_ops_lock);
	return fvo;
}

/**
 * fmap_vm_ops_free - free the copies of an inode
 * @fi:	the inode, from ->free_inode: an RCU grace period after the last VMA
 */
void fmap_vm_ops_free(struct fmap_inode *fi)
{
	struct fmap_vm_ops *fvo, *next;

	for (fvo = fi->vm_ops; fvo; fvo = next) {
		next = fvo->next;
		kfree(fvo);
	}
	fi->vm_ops = NULL;
}

/*
 * Does the path of a backing file pin our inode? It is the path of who opened our
 * file: ours, or that of a filesystem above. A dentry of overlayfs has its lower
 * dentries for as long as it lives. That of FUSE has nothing: passthrough lets go
 * of our file when its own is closed, whatever is mapped. Of others it is not known.
 */
static bool fmap_is_pinned_by(const struct fmap_inode *fi, struct file *backing)
{
	const struct super_block *sb = file_user_path(backing)->dentry->d_sb;

	return sb == fi->vfs_inode.i_sb || !strcmp(sb->s_type->name, "overlay");
}

/*
 * May our hooks go over what the lower's mmap left behind? Not if it moved the
 * VMA on to another file (overlayfs, FUSE passthrough and erofs do): that file
 * does not pin us. Not over hooks that are ours already.
 */
static bool fmap_may_wrap(const struct fmap_inode *fi,
			  const struct vm_area_struct *vma, struct file *backing)
{
	return vma->vm_file == backing && vma->vm_ops && vma->vm_ops->fault &&
	       vma->vm_ops->fault != fmap_fault && fmap_is_pinned_by(fi, backing);
}

/**
 * fmap_mmap - ->mmap of a regular file
 * @file:	our file
 * @vma:	the new VMA, on @file; on the backing file when this returns 0
 *
 * Called with mmap_lock held for writing. What can fail comes before the lower
 * mmap, which could not be undone.
 *
 * Return: 0, -ENODEV if the lower file cannot be mapped, -ENOMEM, or what the
 * lower mmap returns.
 */
int fmap_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct file *backing = fmap_file(file)->backing;
	struct fmap_inode *fi = fmap_i(file_inode(file));
	struct fmap_sb_info *sbi = fmap_sbi(fi->vfs_inode.i_sb);
	struct fmap_vm_ops *spare, *fvo;
	int err;

	spare = kmalloc(sizeof(*spare), GFP_KERNEL_ACCOUNT);
	if (!spare)
		return -ENOMEM;

	err = fmap_do_mmap(backing, vma);
	if (!err) {
		fmap_count(sbi, FMAP_map_calls);
		if (fmap_may_wrap(fi, vma, backing)) {
			fvo = fmap_vm_ops_get(fi, vma->vm_ops, &spare);
			fmap_adaptive_mmap(fvo);
			vma->vm_ops = &fvo->ops;
			fmap_count(sbi, FMAP_map_wrapped);
		} else {
			fmap_count(sbi, FMAP_map_delegated);
		}
	}
	kfree(spare);
	return err;
}

/**
 * fmap_get_unmapped_area - ->get_unmapped_area of a regular file
 * @file:	our file
 * @addr:	the caller's hint
 * @len:	length in bytes
 * @pgoff:	offset in pages
 * @flags:	MAP_ flags
 *
 * The lower's own choice, made with the lower file, which shmem insists on.
 * Huge-page alignment comes from here; without it large folios are mapped page
 * by page.
 *
 * Return: an address, or a negative errno.
 */
unsigned long fmap_get_unmapped_area(struct file *file, unsigned long addr,
				     unsigned long len, unsigned long pgoff,
				     unsigned long flags)
{
	struct file *backing = fmap_file(file)->backing;

	if (backing->f_op->get_unmapped_area)
		return backing->f_op->get_unmapped_area(backing, addr, len, pgoff,
							flags);
	return mm_get_unmapped_area(backing, addr, len, pgoff, flags);
}
