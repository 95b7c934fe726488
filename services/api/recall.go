package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/channelstream/channelstream/services/api/internal/history"
	"github.com/channelstream/channelstream/shared/contract"
)

// recalled is an answer with history in it, which may be large: it is written as it was read, without a copy.
type recalled struct {
	parts  []part
	recall *history.Recall
}

// part is some of an answer's JSON, and the messages that follow it as items of a list.
type part struct {
	text     []byte
	messages [][]byte
}

// recall puts the history of channels into their description, which presence left empty. info is part of the answer, which
// is given back when there is nothing to put in. An error means that not all of it is there.
func (s *Service) recall(ctx context.Context, answer any, info contract.ChannelsInfo, options contract.InfoOptions) (any, error) {
	sizes := map[string]int{}
	for name, channel := range info.Channels {
		if !options.OmitHistory && (channel.Settings.StoreHistory || s.channels.History(name)) {
			sizes[name] = channel.Settings.HistorySize
		}
	}
	if len(sizes) == 0 {
		return answer, nil
	}
	recall, err := s.history.Read(ctx, sizes)
	if err != nil {
		return nil, err
	}
	parts, err := s.fill(answer, info, recall.Channels)
	if err != nil {
		recall.Release()
		return nil, err
	}
	return &recalled{parts: parts, recall: recall}, nil
}

// fill writes the answer with a mark in the place of each history, and cuts it there.
func (s *Service) fill(answer any, info contract.ChannelsInfo, histories map[string]history.History) ([]part, error) {
	var marked [][][]byte
	for name, shown := range histories {
		channel := info.Channels[name]
		channel.History, channel.HistoryTruncated = []json.RawMessage{}, shown.Truncated
		if len(shown.Messages) > 0 {
			mark := s.mark + strconv.Itoa(len(marked)) + `"`
			channel.History = append(channel.History, json.RawMessage(mark))
			marked = append(marked, shown.Messages)
		}
		info.Channels[name] = channel
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return nil, fmt.Errorf("encode an answer with history: %w", err)
	}
	parts := make([]part, 0, len(marked)+1)
	for {
		before, after, found := bytes.Cut(text, []byte(s.mark))
		if !found {
			return append(parts, part{text: text}), nil
		}
		digits, rest, _ := bytes.Cut(after, []byte(`"`))
		n, err := strconv.Atoi(string(digits))
		if err != nil || n >= len(marked) {
			return nil, fmt.Errorf("find history %q in an answer of %d", digits, len(marked))
		}
		parts = append(parts, part{text: before, messages: marked[n]})
		text = rest
	}
}

// recalledTimeout bounds how long an answer with history may take to be read by the caller: until then it holds memory that
// others wait for.
const recalledTimeout = 30 * time.Second

// write writes the answer, and lets its memory go. A caller who has gone, or reads too slowly, gets less than the header
// says, and no proper end.
func (r *recalled) write(w http.ResponseWriter) {
	defer r.recall.Release()
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(recalledTimeout)) // where it is not supported, there is no network either
	w.Header().Set("Content-Length", strconv.Itoa(r.size()))
	w.WriteHeader(http.StatusOK)
	for i := range r.parts {
		if r.parts[i].write(w) != nil {
			return
		}
	}
	_ = control.SetWriteDeadline(time.Time{})
}

func (r *recalled) size() int {
	size := 0
	for _, p := range r.parts {
		size += len(p.text) + max(len(p.messages)-1, 0)
		for _, m := range p.messages {
			size += len(m)
		}
	}
	return size
}

func (p *part) write(w http.ResponseWriter) error {
	if _, err := w.Write(p.text); err != nil {
		return err
	}
	for i, m := range p.messages {
		if i > 0 {
			if _, err := w.Write([]byte{','}); err != nil {
				return err
			}
		}
		if _, err := w.Write(m); err != nil {
			return err
		}
	}
	return nil
}
