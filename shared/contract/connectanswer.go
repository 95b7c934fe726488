package contract

import (
	"bytes"
	"strconv"
)

// CutConnectAnswer takes apart a ConnectAnswer as it came, so that who answers /connect need not decode what only passes
// through: head is what was before the conn_id, body the rest as a JSON object of its own, in the place of the answer.
// Not ok tells that the answer is not written like ours, and has to be decoded; it is as it was then.
func CutConnectAnswer(answer []byte) (head ConnectAnswer, body []byte, ok bool) {
	rest, ok := bytes.CutPrefix(answer, []byte("{"))
	head.Revision, rest = cutNumber(rest, `"revision":`)
	head.Settings, rest = cutNumber(rest, `"settings_revision":`)
	rest, head.History = bytes.CutPrefix(rest, []byte(`"has_history":true,`))
	if !ok || !bytes.HasPrefix(rest, []byte(`"conn_id":`)) {
		return ConnectAnswer{}, nil, false
	}
	body = answer[len(answer)-len(rest)-1:]
	body[0] = '{'
	return head, body, true
}

// cutNumber takes a member with a number, and the comma behind it, from the beginning of an object's members.
func cutNumber(members []byte, name string) (n uint64, rest []byte) {
	value, found := bytes.CutPrefix(members, []byte(name))
	if !found {
		return 0, members
	}
	digits, rest, found := bytes.Cut(value, []byte(","))
	n, err := strconv.ParseUint(string(digits), 10, 64)
	if !found || err != nil {
		return 0, members
	}
	return n, rest
}
