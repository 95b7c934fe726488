package request

import (
	"fmt"

	"github.com/channelstream/channelstream/shared/contract"
)

// The sentences. Clients may show them, machines read the path.
const (
	sayMissing     = "This field is required."
	sayNull        = "This field must not be null."
	sayUnknown     = "There is no such field."
	sayReserved    = "This key is the server's own; name yours otherwise."
	sayNotEdited   = "A new message has not been edited; this must be null or left out."
	sayNoObject    = "This must be an object."
	sayNoList      = "This must be a list."
	sayNoText      = "This must be a string."
	sayNoBoolean   = "This must be true or false."
	sayNoInteger   = "This must be a whole number."
	sayNoUUID      = "This must be a UUID."
	sayNoPlace     = "This must be the uuid of a message, or its offset."
	sayUUIDTwice   = "Message %d says something else to the same users under this uuid."
	sayNoTime      = "This must be a time such as 2006-01-02T15:04:05.000000, in UTC or with an offset."
	sayControl     = "This must not hold control characters or halves of surrogate pairs."
	sayNoScalar    = "This must be a string, a number, a boolean or null."
	sayHugeNumber  = "This number does not fit in 64 bits of floating point."
	sayEmptyList   = "This must name at least one."
	sayUserIsPath  = "A user name must not begin with /."
	sayUserTwice   = "user and username must not differ."
	sayTwoTargets  = "Give either conn_id or user."
	sayTwoInfos    = "Give channels inside of info."
	sayTwice       = "Give this once."
	sayForeign     = "Names that begin with " + contract.DemoPrefix + " are those of the demo, which has no others."
	sayNobody      = "Give a channel or pm_users."
	sayManyFaults  = "There are more faults than are listed here."
	sayNoRoom      = "The message and the names of users do not fit into %d bytes; name fewer users."
	sayLength      = "This must have 1 to %d characters."
	sayMaxLength   = "This must have at most %d characters."
	sayTooMany     = "This must not have more than %d items."
	sayRange       = "This must be between %d and %d."
	sayNoMessage   = "The request is larger than a message of %d bytes on the bus; ask for less at once."
	sayMessageSize = "The message is larger than %d bytes."
)

// body is the path of the request's body as a whole.
const body = "_schema"

// faults collects what is wrong with the fields of one request.
type faults struct {
	fields map[string][]string
	broken error // the body is not JSON that can be read one way; nothing else counts then
}

func (f *faults) add(path, sentence string, args ...any) {
	if f.fields == nil {
		f.fields = map[string][]string{}
	}
	if len(f.fields) >= maxFaults {
		f.fields[body] = []string{sayManyFaults}
		return
	}
	if len(args) > 0 {
		sentence = fmt.Sprintf(sentence, args...)
	}
	f.fields[path] = append(f.fields[path], sentence)
}

func (f *faults) faulty(path string) bool { return f.fields[path] != nil }

func (f *faults) malformed(err error) {
	if f.broken == nil {
		f.broken = err
	}
}

// fault is nil if nothing is wrong.
func (f *faults) fault() error {
	switch {
	case f.broken != nil:
		return &contract.Fault{Code: contract.CodeMalformed, Message: "The body is not proper JSON: " + f.broken.Error() + "."}
	case len(f.fields) > 0:
		return &contract.Fault{Code: contract.CodeInvalid, Message: contract.InvalidMessage, Fields: f.fields}
	}
	return nil
}
