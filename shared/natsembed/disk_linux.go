package natsembed

import "syscall"

// freeBytes says how much of the disk is free for us that a folder is on; 0 where that can not be told.
func freeBytes(dir string) int64 {
	var disk syscall.Statfs_t
	if syscall.Statfs(dir, &disk) != nil {
		return 0
	}
	return int64(disk.Bavail) * disk.Bsize //nolint:gosec // a disk is not that large
}
