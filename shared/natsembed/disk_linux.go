package natsembed

import "syscall"

// DiskSize says how large the disk is that a folder is on; 0 where that can not be told.
func DiskSize(dir string) int64 {
	var disk syscall.Statfs_t
	if syscall.Statfs(dir, &disk) != nil {
		return 0
	}
	return int64(disk.Blocks) * disk.Bsize //nolint:gosec // a disk is not that large
}
