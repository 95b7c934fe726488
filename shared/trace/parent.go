package trace

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
)

// A traceparent is read in two steps, so that one which says that nothing is traced costs nothing (W3C Trace Context,
// section 3.2):
//
//	00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
//	│  trace                            span             └ flags; the last bit: sampled
//	version
const (
	parentLength = 55
	flagsAt      = 53
	sampledFlag  = 1
)

// wellFormed says whether a text has the form of a traceparent.
func wellFormed(parent string) bool {
	if len(parent) < parentLength || len(parent) > parentLength && parent[parentLength] != '-' || parent[:2] == "00" && len(parent) > parentLength || parent[:2] == "ff" {
		return false
	}
	for i := range parentLength {
		if dash := i == 2 || i == 35 || i == 52; dash != (parent[i] == '-') || !dash && digit(parent[i]) < 0 {
			return false
		}
	}
	return !zero(parent[3:35]) && !zero(parent[36:52])
}

func zero(id string) bool {
	for i := range len(id) {
		if id[i] != '0' {
			return false
		}
	}
	return true
}

// digit is the value of a hexadecimal digit in lower case, and -1 for anything else.
func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// sampled says whether a well-formed traceparent is of something that is traced.
func sampled(parent string) bool { return digit(parent[flagsAt+1])&sampledFlag != 0 }

// under gives a context whose spans are below a parent that another process has.
func under(ctx context.Context, parent string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{Header: parent})
}
