package bus

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/channelstream/channelstream/shared/settings"
)

// Error codes of the JetStream API that jetstream has no names for.
const (
	codeNoMemory  = 10028 // the server may not take so much memory
	codeNoDisk    = 10047 // the server may not take so much of the disk
	codeUnfit     = 10052 // among others: a stream can not move to another kind of storage
	codeNoCluster = 10074 // one server can not keep several replicas
)

// unopened is why a log or bucket could not be made or brought up to date. What NATS refuses for good is a settings.Fault
// that names the setting; with all else another try may help, and it is an ErrUnavailable.
func unopened(what string, replicas int, err error) error {
	switch code(err) {
	case codeNoCluster:
		return settings.Fault{Key: settings.Prefix + "NATS_REPLICAS", Problem: fmt.Sprintf(
			"the NATS server is no cluster and can not keep %d replicas of %s: set it to 1, or run a cluster", replicas, what)}
	case codeNoDisk, codeNoMemory:
		err = fmt.Errorf("the NATS server may not take so much for it: lower %[1]sLOG_BYTES and %[1]sHISTORY_BYTES, or let it take more: %[2]w", settings.Prefix, err)
	}
	return fmt.Errorf("open %s: %w", what, unavailable(err))
}

// code is that of an answer of the JetStream API; 0 for any other error.
func code(err error) jetstream.ErrorCode {
	var refusal *jetstream.APIError
	if errors.As(err, &refusal) {
		return refusal.ErrorCode
	}
	return 0
}
