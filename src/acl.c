// SPDX-License-Identifier: GPL-2.0
/*
 * POSIX ACLs: those of the lower inode, which also checks by them. Older kernels
 * have no operations for a program's ACLs, which are extended attributes there.
 */
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>

#include "lower.h"

/*
 * The lower filesystem's ids as the lower mount shows them: who asks us goes by
 * our mount, which maps nothing. Takes over the reference.
 */
static struct posix_acl *fmap_map_acl(const struct super_block *sb,
				      struct posix_acl *acl)
{
	struct user_namespace *ns = fmap_sbi(sb)->lower.dentry->d_sb->s_user_ns;
	struct mnt_idmap *idmap = fmap_lower_idmap(sb);
	struct posix_acl_entry *entry, *end;
	struct posix_acl *mapped;

	if (IS_ERR_OR_NULL(acl) || !is_idmapped_mnt(fmap_lower_mnt(sb)))
		return acl;
	mapped = posix_acl_clone(acl, GFP_KERNEL);
	posix_acl_release(acl);
	if (!mapped)
		return ERR_PTR(-ENOMEM);
	FOREACH_ACL_ENTRY(entry, mapped, end) {
		if (entry->e_tag == ACL_USER)
			entry->e_uid = AS_KUIDT(make_vfsuid(idmap, ns, entry->e_uid));
		else if (entry->e_tag == ACL_GROUP)
			entry->e_gid = AS_KGIDT(make_vfsgid(idmap, ns, entry->e_gid));
	}
	return mapped;
}

/**
 * fmap_get_inode_acl - ->get_inode_acl; ->get_acl of kernels before 6.2
 * @inode:	our inode
 * @type:	ACL_TYPE_ACCESS or ACL_TYPE_DEFAULT
 * @rcu:	in RCU path walk
 *
 * Not for our own permission checks, which the lower inode makes: for overlayfs,
 * nfsd and ksmbd, which check by the ACLs of the inode below them. An inode
 * with ACL_DONT_CACHE must have it.
 *
 * Return: the lower inode's, NULL, or ERR_PTR().
 */
struct posix_acl *fmap_get_inode_acl(struct inode *inode, int type, bool rcu)
{
	if (rcu)
		return ERR_PTR(-ECHILD);
	return fmap_map_acl(inode->i_sb,
			    get_inode_acl(fmap_lower_inode(inode), type));
}

#ifdef FMAP_HAVE_VFS_ACL
/**
 * fmap_get_acl - ->get_acl
 * @idmap:	of our mount, which cannot be idmapped
 * @dentry:	our dentry
 * @type:	ACL_TYPE_ACCESS or ACL_TYPE_DEFAULT
 *
 * Return: the lower file's, NULL, or ERR_PTR().
 */
struct posix_acl *fmap_get_acl(struct mnt_idmap *idmap, struct dentry *dentry,
			       int type)
{
	struct super_block *sb = dentry->d_sb;

	return fmap_map_acl(sb, vfs_get_acl(fmap_lower_idmap(sb),
					    fmap_lower_dentry(dentry),
					    posix_acl_xattr_name(type)));
}

/**
 * fmap_set_acl - ->set_acl
 * @idmap:	of our mount, which cannot be idmapped
 * @dentry:	our dentry, its inode locked
 * @acl:	NULL to remove it
 * @type:	ACL_TYPE_ACCESS or ACL_TYPE_DEFAULT
 *
 * Return: 0 or a negative errno.
 */
int fmap_set_acl(struct mnt_idmap *idmap, struct dentry *dentry,
		 struct posix_acl *acl, int type)
{
	struct dentry *lower = fmap_lower_dentry(dentry);
	const char *name = posix_acl_xattr_name(type);
	struct super_block *sb = dentry->d_sb;
	int err;

	err = mnt_want_write(fmap_lower_mnt(sb));
	if (err)
		return err;
	if (acl)
		err = vfs_set_acl(fmap_lower_idmap(sb), lower, name, acl);
	else
		err = vfs_remove_acl(fmap_lower_idmap(sb), lower, name);
	mnt_drop_write(fmap_lower_mnt(sb));
	/* It changes the mode. */
	fmap_copy_owner(d_inode(dentry));
	fmap_copy_attr(d_inode(dentry));
	return err;
}
#endif
