package frame

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/channelstream/channelstream/services/gateway/internal/engineio"
	"github.com/channelstream/channelstream/services/gateway/internal/socketio"
	"github.com/channelstream/channelstream/shared/contract"
)

// What a gateway knows alone stands at the end of a message: whether it comes late, and its offset. The body before it
// is copied as it is.
const offsetKey = `,"offset":`

var liveMark = []byte(contract.LiveMark)

// size is how many bytes append adds.
func (m Message) size() int {
	size := len(m.Body)
	if m.Late {
		size += len(contract.CaughtUpMark)
		if bytes.HasSuffix(m.Body, liveMark) {
			size -= len(contract.LiveMark) - 1
		}
	}
	if m.Offset > 0 {
		size += len(offsetKey) + digits(m.Offset)
	}
	return size
}

// append appends the object as clients get it.
func (m Message) append(dst []byte) []byte {
	if m.Offset == 0 && !m.Late {
		return append(dst, m.Body...)
	}
	if m.Late {
		if open, live := bytes.CutSuffix(m.Body, liveMark); live {
			dst = append(dst, open...)
		} else {
			dst = append(dst, m.Body[:len(m.Body)-1]...)
		}
		dst = append(dst, contract.CaughtUpMark...)
	} else {
		dst = append(dst, m.Body[:len(m.Body)-1]...)
	}
	if m.Offset > 0 {
		dst = strconv.AppendUint(append(dst, offsetKey...), m.Offset, 10)
	}
	return append(dst, '}')
}

// maxArgument is the longest offset as an argument, `,"18446744073709551615"`.
const maxArgument = 23

// argumentSize is how many bytes appendArgument adds.
func argumentSize(offset uint64) int {
	if offset == 0 {
		return 0
	}
	return digits(offset) + 3
}

// appendArgument appends an offset as the last argument of an event.
func appendArgument(dst []byte, offset uint64) []byte {
	if offset == 0 {
		return dst
	}
	return append(strconv.AppendUint(append(dst, `,"`...), offset, 10), '"')
}

// appendPart appends the offset of a client that has been told of a part of an announcement.
func appendPart(dst []byte, offset uint64, part int) []byte {
	if offset == 0 {
		return dst
	}
	dst = append(strconv.AppendUint(append(dst, `,"`...), offset, 10), '.')
	return append(strconv.AppendInt(dst, int64(part), 10), '"')
}

// ParseOffset reads the offset that a client of Socket.IO hands back: it has got all up to it, and of the message behind it so
// many events.
func ParseOffset(text string) (offset uint64, told int, err error) {
	whole, part, split := strings.Cut(text, ".")
	if offset, err = strconv.ParseUint(whole, 10, 64); err != nil || !split {
		return offset, 0, err
	}
	n, err := strconv.ParseUint(part, 10, 8)
	if err != nil || n == 0 || offset == 0 {
		return 0, 0, fmt.Errorf("%w: the part in %.40q", strconv.ErrSyntax, text)
	}
	return offset - 1, int(n), nil
}

func digits(n uint64) int {
	count := 1
	for ; n > 9; n /= 10 {
		count++
	}
	return count
}

// OffsetEvent is the event that tells a client how far it has come when no message does.
const OffsetEvent = "offset"

// AppendOffset appends what tells a client how far it has come, so that one that has got nothing for long can go on
// from there too.
func AppendOffset(dst []byte, f Format, offset uint64) []byte {
	text := strconv.FormatUint(offset, 10)
	switch f {
	case Plain, PlainDeflated:
		return AppendText(dst, OffsetList(offset))
	case EventStream:
		return AppendEvent(dst, offset, OffsetEvent, []byte(text)) // with data: there are clients that raise an empty event for an id alone
	case BareList:
		return append(append(dst, OffsetList(offset)...), '\n')
	case SocketRoot, SocketRootDeflated:
		return AppendText(dst, offsetPacket(RootNamespace, text))
	case SocketStream, SocketStreamDeflated:
		return AppendText(dst, offsetPacket(StreamNamespace, text))
	case SocketBoth, SocketBothDeflated:
		return AppendText(AppendText(dst, offsetPacket(RootNamespace, text)), offsetPacket(StreamNamespace, text))
	case PollRoot:
		return append(append(dst, offsetPacket(RootNamespace, text)...), engineio.Separator)
	case PollStream:
		return append(append(dst, offsetPacket(StreamNamespace, text)...), engineio.Separator)
	case PollBoth:
		return AppendOffset(AppendOffset(dst, PollRoot, offset), PollStream, offset)
	}
	return dst
}

// OffsetList is the list that tells a client how far it has come.
func OffsetList(offset uint64) []byte {
	return append(strconv.AppendUint([]byte(`[{"type":"`+OffsetEvent+`","offset":`), offset, 10), "}]"...)
}

func offsetPacket(namespace, offset string) []byte {
	return socketio.AppendEvent([]byte{'4'}, namespace, OffsetEvent, []byte(`"`+offset+`"`))
}
