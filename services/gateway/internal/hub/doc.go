// Package hub fans messages out to the sockets of one gateway.
//
//	feed ──Publish──► mailbox ──drained whole──► shard ──one list per run of a topic──► member ──► outlet ──► socket
//
// A shard is one goroutine that owns its members, so that none of it is locked. What arrives while it writes one batch
// is the next batch. Within a batch messages keep their order; those of one topic that follow each other become one
// list, built once per wire format.
//
// It promises that a member gets the messages of its topics in the order they were published, and that publishing
// never waits for a socket. It does not talk to NATS and knows no protocol.
package hub
