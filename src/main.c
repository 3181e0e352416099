// SPDX-License-Identifier: GPL-2.0
/*
 * fmapfs: the module.
 */
#include <linux/module.h>

#include <asm/cpufeature.h>

#include "fmapfs.h"

/*
 * No FS_USERNS_MOUNT: the VFS refuses a mount without CAP_SYS_ADMIN in the
 * initial user namespace. No FS_RENAME_DOES_D_MOVE: our dentries are the VFS's
 * to move.
 */
struct file_system_type fmap_fs_type = {
	.owner			= THIS_MODULE,
	.name			= FMAP_NAME,
	.init_fs_context	= fmap_init_fs_context,
	.kill_sb		= fmap_kill_sb,
};
MODULE_ALIAS_FS(FMAP_NAME);

/*
 * In a paravirtualised Xen guest the entries that lead to a page table hold machine
 * addresses, and ptes.h would look at the wrong page.
 */
static bool __init fmap_knows_page_tables(void)
{
	return !cpu_feature_enabled(X86_FEATURE_XENPV);
}

static int __init fmap_init(void)
{
	int err;

	if (!fmap_knows_page_tables()) {
		pr_err(FMAP_NAME ": a paravirtual Xen guest (and dom0) is not supported\n");
		return -ENODEV;
	}
	err = fmap_inode_cache_init();
	if (err)
		return err;
	err = fmap_file_cache_init();
	if (err)
		goto out_inode;
	err = fmap_io_init();
	if (err)
		goto out_file;
	err = fmap_conditions_init();
	if (err)
		goto out_io;
	fmap_debugfs_init();
	err = register_filesystem(&fmap_fs_type);
	if (!err)
		return 0;

	fmap_debugfs_exit();
	fmap_conditions_exit();
out_io:
	fmap_io_exit();
out_file:
	fmap_file_cache_exit();
out_inode:
	fmap_inode_cache_exit();
	return err;
}

static void __exit fmap_exit(void)
{
	unregister_filesystem(&fmap_fs_type);
	fmap_debugfs_exit();
	fmap_watch_exit();
	fmap_conditions_exit();
	fmap_io_exit();
	fmap_file_cache_exit();
	/* Inodes are freed by RCU callbacks of ours. */
	rcu_barrier();
	fmap_inode_cache_exit();
}

module_init(fmap_init);
module_exit(fmap_exit);

MODULE_DESCRIPTION("Stackable filesystem that counts, explains and steers page faults");
MODULE_LICENSE("GPL");
