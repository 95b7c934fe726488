package dialog

import (
	"encoding/json"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/socketio"
	"github.com/channelstream/channelstream/services/gateway/internal/socketio09"
)

// Protocol writes packets as one generation of clients reads them.
type Protocol interface {
	// Connected tells that a namespace is open; nil where the client is not told.
	Connected(namespace, sid, pid string) []byte
	// Refused tells why a namespace is not opened.
	Refused(namespace, sentence string) []byte
	// Disconnected ends a namespace.
	Disconnected(namespace string) []byte
	// Event tells of an event.
	Event(namespace, event string, args ...json.RawMessage) []byte
	// Ack answers the client's event of this id.
	Ack(namespace string, id int64, args ...json.RawMessage) []byte
}

// SocketIO5 is protocol 5, of clients 3.x and 4.x, in messages of Engine.IO.
type SocketIO5 struct{}

// message is the type of Engine.IO packet that carries all of it.
func message() []byte { return []byte{'4'} }

// Connected implements Protocol.
func (SocketIO5) Connected(namespace, sid, pid string) []byte {
	return socketio.AppendConnect(message(), namespace, sid, pid)
}

// Refused implements Protocol.
func (SocketIO5) Refused(namespace, sentence string) []byte {
	return socketio.AppendConnectError(message(), namespace, sentence, nil)
}

// Disconnected implements Protocol.
func (SocketIO5) Disconnected(namespace string) []byte {
	return socketio.AppendDisconnect(message(), namespace)
}

// Event implements Protocol.
func (SocketIO5) Event(namespace, event string, args ...json.RawMessage) []byte {
	return socketio.AppendEvent(message(), namespace, event, args...)
}

// Ack implements Protocol.
func (SocketIO5) Ack(namespace string, id int64, args ...json.RawMessage) []byte {
	return socketio.AppendAck(message(), namespace, id, args...)
}

// SocketIO4 is protocol 4, of clients 1.x and 2.x; see revision4.go. It differs in how namespaces open.
type SocketIO4 struct{ SocketIO5 }

// Connected implements Protocol.
func (SocketIO4) Connected(namespace, _, _ string) []byte {
	return socketio.AppendConnect4(message(), namespace)
}

// Refused implements Protocol.
func (SocketIO4) Refused(namespace, sentence string) []byte {
	return socketio.AppendError4(message(), namespace, sentence)
}

// SocketIO09 is the protocol of clients 0.9. They are told of the root before anything else, and so not again.
type SocketIO09 struct{}

// endpoint gives the name that a namespace has in the protocol of 0.9.
func endpoint(namespace string) string {
	if namespace == frame.RootNamespace {
		return ""
	}
	return namespace
}

// Connected implements Protocol.
func (SocketIO09) Connected(namespace, _, _ string) []byte {
	if namespace == frame.RootNamespace {
		return nil
	}
	return socketio09.AppendConnect(nil, namespace)
}

// Refused implements Protocol.
func (SocketIO09) Refused(namespace, sentence string) []byte {
	return socketio09.AppendUnauthorized(nil, endpoint(namespace), sentence)
}

// Disconnected implements Protocol.
func (SocketIO09) Disconnected(namespace string) []byte {
	return socketio09.AppendDisconnect(nil, endpoint(namespace))
}

// Event implements Protocol.
func (SocketIO09) Event(namespace, event string, args ...json.RawMessage) []byte {
	return socketio09.AppendEvent(nil, endpoint(namespace), event, args...)
}

// Ack implements Protocol.
func (SocketIO09) Ack(namespace string, id int64, args ...json.RawMessage) []byte {
	return socketio09.AppendAck(nil, endpoint(namespace), id, args...)
}
