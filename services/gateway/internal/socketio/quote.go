package socketio

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string (RFC 8259 section 7). The standard library has no form of this that appends,
// and strconv's quotes are Go's, not JSON's. Escaping control characters also keeps the separator of Engine.IO's
// polling records out.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s { // yields U+FFFD for a byte that is not UTF-8
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&0xf])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
