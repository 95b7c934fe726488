package rfc6455

import "github.com/channelstream/channelstream/shared/contract"

// Error says which rule the client broke. The connection is to be closed for its Reason, with the Reason's CloseCode.
type Error struct {
	Reason contract.Reason
	rule   string
}

func (e *Error) Error() string { return "read frame: " + e.rule }

// The rules, by the sections of RFC 6455.
var (
	errOpcode            = broken("5.2: the opcode is reserved")
	errReserved          = broken("5.2: a reserved bit is set")
	errLength            = broken("5.2: the length's highest bit is set")
	errUnmasked          = broken("5.1: a client's frame has no mask")
	errNothingToContinue = broken("5.4: a continuation of no message")
	errNotContinued      = broken("5.4: a message begins before the last one ended")
	errFragmentedControl = broken("5.5: a control frame is fragmented")
	errLongControl       = broken("5.5: a control frame has more than 125 bytes")
	errHalfCode          = broken("5.5.1: a close frame with half a code")
	errCode              = broken("7.4: a close code that is never sent")
	errReason            = &Error{contract.ReasonInvalidPayload, "5.5.1: a close reason is not UTF-8"}
	errText              = &Error{contract.ReasonInvalidPayload, "8.1: a text is not UTF-8"}
	errDeflate           = &Error{contract.ReasonInvalidPayload, "RFC 7692, 7.2.2: a message can not be inflated"}
	errTooLarge          = &Error{contract.ReasonTooLarge, "10.4: a message is larger than the limit"}
)

func broken(rule string) *Error { return &Error{contract.ReasonProtocolError, rule} }
