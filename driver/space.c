// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: the address space of a region, in which mm keeps all its mappings
 * so that they can be emptied. It belongs to an inode that nobody can open.
 *
 * The inode of the node itself would not do. There may be several, as anybody
 * may mknod() another, on a filesystem that is unmounted before the region
 * goes; and after the region has gone, its minor number and so the inode may be
 * another driver's.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>

#include "memphys.h"

#define MEMPHYS_FS_MAGIC	0x6d706879 /* "mphy" */

static struct vfsmount *memphys_mount;

static int memphys_init_fs_context(struct fs_context *fc)
{
	return init_pseudo(fc, MEMPHYS_FS_MAGIC) ? 0 : -ENOMEM;
}

/* The mount would hold an owner, and the module could never go. */
static struct file_system_type memphys_fs_type = {
	.name = "memphys",
	.init_fs_context = memphys_init_fs_context,
	.kill_sb = kill_anon_super,
};

/**
 * memphys_space_create() - make an address space
 *
 * Return: the inode that it belongs to, for iput(); or an ERR_PTR().
 */
struct inode *memphys_space_create(void)
{
	return alloc_anon_inode(memphys_mount->mnt_sb);
}

/**
 * memphys_spaces_init() - make ready for memphys_space_create()
 *
 * Return: 0 or a negative error.
 */
int memphys_spaces_init(void)
{
	memphys_mount = kern_mount(&memphys_fs_type);
	return PTR_ERR_OR_ZERO(memphys_mount);
}

/**
 * memphys_spaces_exit() - undo memphys_spaces_init()
 *
 * No address space is left.
 */
void memphys_spaces_exit(void)
{
	kern_unmount(memphys_mount);
}
