package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// A batch is JetStream's fast batch publishing. The subject to reply to says what a message is in its batch:
//
//	<inbox>.<id of the batch>.<messages between two acks>.fail.<number>.<operation>.$FI
//
// With "fail" the log takes a message only behind the one with the number before it, also when its leader changes in
// between. A message whose id it has already it skips. It acks the last message as any other message, with the number of
// all.
const (
	batchAcks = 100 // messages between two acks

	batchStart  = 0
	batchAppend = 1
	batchCommit = 2
)

// batch is messages on their way into a log, each of which is stored behind the one before it or not at all.
type batch struct {
	replies <-chan *nats.Msg
	forget  func()
	count   int
}

// sendBatch sends messages, of which there are several. It gives nil if not all of them could be sent; then a beginning of
// them may be stored.
func (l *Log) sendBatch(list []Outgoing) *batch {
	const most = 2 // replies to one message
	reply, replies, forget, err := l.conn.replies.open(most * len(list))
	if err != nil {
		return nil
	}
	id := strings.ReplaceAll(reply, ".", "-")
	reply = fmt.Sprintf("%s.%s.%d.fail.", reply, id, batchAcks)
	for i := range list {
		m, operation := list[i].message(), batchAppend
		switch i {
		case 0:
			operation = batchStart
		case len(list) - 1:
			operation = batchCommit
		}
		m.Reply = reply + strconv.Itoa(i+1) + "." + strconv.Itoa(operation) + ".$FI"
		if err := l.conn.nc.PublishMsg(m); err != nil {
			forget()
			return nil
		}
	}
	return &batch{replies: replies, forget: forget, count: len(list)}
}

// stored says whether all are stored. If not, a beginning of them may be, and what is still on its way may be stored later,
// in its order.
func (b *batch) stored(ctx context.Context) bool {
	defer b.forget()
	lost := time.NewTimer(lostAfter)
	defer lost.Stop()
	for {
		select {
		case m := <-b.replies:
			var answer struct {
				Type  string          `json:"type"`  // "ack": it goes on
				Count int             `json:"count"` // stored, when it is at its end
				Error json.RawMessage `json:"error"`
			}
			if err := json.Unmarshal(m.Data, &answer); err != nil || answer.Type != "ack" {
				return err == nil && answer.Error == nil && answer.Count == b.count
			}
			lost.Reset(lostAfter)
		case <-lost.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}
