package frame

import (
	"slices"

	"github.com/channelstream/channelstream/services/gateway/internal/engineio"
	"github.com/channelstream/channelstream/services/gateway/internal/socketio"
	"github.com/channelstream/channelstream/services/gateway/internal/socketio09"
)

// packets is how the events of a list look on one way to Socket.IO clients. There are three formats of it, from the first on: in "/",
// in "/stream", and in both, one behind the other.
type packets struct {
	way   Way
	first Format

	// One of them: what stands before an event's name in each namespace, and how the events are appended,
	heads [2][]byte
	build func(l *List, dst, head []byte) []byte
	// or what is made of the frames of another format.
	of     Format
	change func(z *Deflater, dst, frames []byte) []byte
}

var (
	heads   = [2][]byte{eventHead(RootNamespace), eventHead(StreamNamespace)}
	heads09 = [2][]byte{socketio09.EventHead(""), socketio09.EventHead(StreamNamespace)} // the root is written as nothing
)

func eventHead(namespace string) []byte {
	return append([]byte{'4'}, socketio.EventHead(namespace)...)
}

// Clients of Engine.IO 3 and of Socket.IO 0.9 hand back no offset, and are told none.
var allPackets = [...]packets{
	{way: Packets, first: SocketRoot, heads: heads, build: (*List).appendSocket},
	{way: Polls, first: PollRoot, heads: heads, build: (*List).appendPoll},
	{way: PacketsDeflated, first: SocketRootDeflated, of: SocketRoot, change: (*Deflater).appendTexts},
	{way: Packets3, first: Socket3Root, heads: heads, build: (*List).appendSocket3},
	{way: Polls3, first: Poll3Root, heads: heads, build: (*List).appendPoll3},
	{way: Packets3Deflated, first: Socket3RootDeflated, of: Socket3Root, change: (*Deflater).appendTexts},
	{way: Packets09, first: Socket09Root, heads: heads09, build: (*List).appendSocket09},
	{way: Polls09, first: Poll09Root, of: Socket09Root, change: appendFramed09},
}

// packetsOf gives the packets of a way; Lists, Events and Answers have none.
func packetsOf(w Way) packets {
	at := slices.IndexFunc(allPackets[:], func(p packets) bool { return p.way == w })
	return allPackets[at]
}

// buildPackets builds the list in a format of packets.
func (l *List) buildPackets(dst []byte, f Format, z *Deflater) []byte {
	for i := range allPackets {
		p := &allPackets[i]
		if f < p.first || f >= p.first+3 {
			continue
		}
		in := f - p.first
		switch {
		case in == Format(Root|Stream-Root):
			return append(append(dst, l.Bytes(p.first, z)...), l.Bytes(p.first+1, z)...)
		case p.build != nil:
			return p.build(l, dst, p.heads[in])
		}
		return p.change(z, dst, l.Bytes(p.of+in, z))
	}
	return dst
}

// appendSocket appends the list's events, each as a packet `2/stream,["message",[m1,m2],"offset"]` in a WebSocket frame.
func (l *List) appendSocket(dst, head []byte) []byte {
	for at := (event{list: l}); at.next(); {
		dst = appendHeader(dst, finText, at.size(head))
		dst = at.append(dst, head)
	}
	return dst
}

func (l *List) appendPoll(dst, head []byte) []byte {
	for at := (event{list: l}); at.next(); {
		dst = append(at.append(dst, head), engineio.Separator)
	}
	return dst
}

// appendSocket3 appends the list's events, each as a packet `2/stream,["message",[m1,m2]]` in a WebSocket frame.
func (l *List) appendSocket3(dst, head []byte) []byte {
	for at := (event{list: l}); at.next(); {
		dst = appendHeader(dst, finText, len(head)+len(at.name())+len(`",]`)+at.argsSize())
		dst = at.appendPacket3(dst, head)
	}
	return dst
}

// appendPoll3 appends the same packets as a payload of Engine.IO 3 has them: each behind its length, and in ASCII.
func (l *List) appendPoll3(dst, head []byte) []byte {
	for at := (event{list: l}); at.next(); {
		begin := len(dst)
		dst = at.appendPacket3(dst, head)
		if slices.ContainsFunc(dst[begin:], func(c byte) bool { return c >= 0x80 }) {
			dst = engineio.AppendASCII(dst[:begin], slices.Clone(dst[begin:]))
		}
		dst = engineio.LengthenRecord(dst, begin)
	}
	return dst
}

// appendPacket3 appends the event as a packet without an offset.
func (e *event) appendPacket3(dst, head []byte) []byte {
	dst = append(append(append(dst, head...), e.name()...), `",`...)
	return append(e.appendArgs(dst), ']')
}

// appendSocket09 appends the list's events, each as a packet `5::/stream:{"name":"message","args":[[m1,m2]]}` in a WebSocket frame.
func (l *List) appendSocket09(dst, head []byte) []byte {
	for at := (event{list: l}); at.next(); {
		dst = appendHeader(dst, finText, len(head)+len(at.name())+len(socketio09.EventArgs)+at.argsSize()+len(socketio09.EventEnd))
		dst = append(append(append(dst, head...), at.name()...), socketio09.EventArgs...)
		dst = append(at.appendArgs(dst), socketio09.EventEnd...)
	}
	return dst
}

// appendFramed09 appends the packets of text frames as polls carry them.
func appendFramed09(_ *Deflater, dst, frames []byte) []byte {
	for len(frames) > 0 {
		packet := payload(frames)
		dst = socketio09.AppendFramed(dst, packet)
		frames = frames[headerSize(len(packet))+len(packet):]
	}
	return dst
}
