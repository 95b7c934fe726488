// Package contract holds the words that the services say to each other over NATS: subjects, buckets and who writes
// them, headers, requests, answers, faults and reasons.
//
// It promises that two processes built from neighbouring versions understand each other: fields and words are only
// ever added, and golden files pin what is there. It does no I/O and imports nothing but the standard library.
package contract
