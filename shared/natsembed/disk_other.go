//go:build !linux

package natsembed

// freeBytes says how much of the disk is free for us that a folder is on; 0 where that can not be told.
func freeBytes(string) int64 { return 0 }
