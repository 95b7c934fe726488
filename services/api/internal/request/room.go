package request

// NoRoom is the fault of a body that was read, but is more than a message on the bus holds; payload is how many bytes that
// is. It names the member which is larger than all others together, or else the whole body.
func NoRoom(body []byte, payload int64) error {
	var f faults
	f.add(heaviest(body), sayNoMessage, payload)
	return f.fault()
}

// heaviest is the path of what makes a body large.
func heaviest(raw []byte) string {
	if kind(raw) != '{' {
		return body
	}
	for m := walk(raw); m.next(); {
		if len(m.value) > len(raw)/2 {
			return string(m.key)
		}
	}
	return body
}
