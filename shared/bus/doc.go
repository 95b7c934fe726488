// Package bus is the only door to NATS: connecting, publishing, subscribing, requests and their answers, and the
// JetStream KV buckets.
//
// It promises that a publish or request while NATS is away fails at once with ErrUnavailable and is never kept to be
// sent later behind the caller's back; that a list goes out in its order, whatever is refused; that a connection is tried
// again for ever; that a bucket's watcher sees every key's newest value, also across a restart of NATS. It does not retry
// requests: whoever asked decides.
package bus
