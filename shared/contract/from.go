package contract

import "strings"

// HeaderFrom says who brought a stored message in, as From writes it. Nothing is decided by it: it is there for who asks later.
const HeaderFrom = "Cs-From"

// From is by which api a message was accepted, who called it, and as what part of which trace.
type From struct {
	API     string // id
	Address string // of the caller
	Trace   string // id; empty: it is not traced
}

// String writes it as the value of HeaderFrom.
func (f From) String() string {
	if f.Trace == "" {
		return f.API + " " + f.Address
	}
	return f.API + " " + f.Address + " " + f.Trace
}

// ParseFrom reads a value of HeaderFrom. What is not there is empty.
func ParseFrom(value string) (f From) {
	var rest string
	f.API, rest, _ = strings.Cut(value, " ")
	f.Address, f.Trace, _ = strings.Cut(rest, " ")
	return f
}
