//go:build !linux

package natsembed

// DiskSize says how large the disk is that a folder is on; 0 where that can not be told.
func DiskSize(string) int64 { return 0 }
