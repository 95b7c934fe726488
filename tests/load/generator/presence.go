package generator

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

const (
	askAllTimeout = time.Minute // for an answer about all channels
	askAllTimes   = 3
)

// askAll are the ways to ask about all channels: as it is if nothing is said, with the most that an answer tells, and with
// the least. No channel keeps history.
var askAll = []string{
	`{}`,
	`{"info":{"include_connections":true}}`,
	`{"info":{"include_users":false,"include_history":false}}`,
}

// presence connects clients, none of which opens a socket, and asks who is where: of one channel after the other, and of
// all. The latencies are those of the questions about one channel; the server's CPU is that of connecting.
func (r *run) presence(ctx context.Context) error {
	server, ours := r.dialect.(*channelstream)
	if !ours {
		return fmt.Errorf("%T knows nothing of presence", r.dialect)
	}
	if err := r.registerAll(ctx); err != nil {
		return err
	}
	if err := pause(ctx, r.job.Work.Warmup); err != nil {
		return err
	}
	if err := r.memory(func(m *ProcessMemory, rss, _ int64) { m.After = rss }); err != nil {
		return err
	}
	if err := r.askOneByOne(ctx, server); err != nil {
		return err
	}
	if err := r.askForPages(ctx, server); err != nil {
		return err
	}
	for _, body := range askAll {
		if err := r.askAboutAll(ctx, server, body); err != nil {
			return err
		}
	}
	return r.memory(func(m *ProcessMemory, _, peak int64) { m.Peak = peak })
}

func (r *run) registerAll(ctx context.Context) error {
	w := r.job.Work
	r.progress(fmt.Sprintf("connect %d clients", w.Sockets))
	return r.timedConnects(func() error {
		return r.inParallel(ctx, w.Concurrent, w.Sockets, func(_ int, p *poster, client int) error {
			return r.dialect.register(p, client, uint32(client%w.Channels))
		})
	})
}

// askOneByOne asks about channels that lie as far apart as they can.
func (r *run) askOneByOne(ctx context.Context, server *channelstream) error {
	w := r.job.Work
	r.progress(fmt.Sprintf("ask about %d channels, one after the other", w.Asked))
	p, err := dialPoster(ctx, r.job.Target.Publish)
	if err != nil {
		return err
	}
	defer p.close()
	for i := range w.Asked {
		channel := uint32(i * w.Channels / w.Asked)
		body := fmt.Appendf(nil, `{"channels":["%s"]}`, channelName(channel))
		start := time.Now()
		if err := server.info(p, body); err != nil {
			return err
		}
		r.latency.record(time.Since(start))
		if err := r.checkInfo(p.answer, channel); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// page is how many names a page of a list has.
const page = 100

// askForPages asks for pages of the lists that the admin page shows, as somebody does who looks for a part of a name and goes on from
// page to page.
func (r *run) askForPages(ctx context.Context, server *channelstream) error {
	w := r.job.Work
	r.progress(fmt.Sprintf("ask for %d pages of each list", w.Asked/5))
	p, err := dialPoster(ctx, r.job.Target.Publish)
	if err != nil {
		return err
	}
	defer p.close()
	var took histogram
	for list, search := range map[string]string{"channels": `"search":"1",`, "users": `"search":"1",`, "connections": ""} {
		after := ""
		for range w.Asked / 5 {
			body := fmt.Appendf(nil, `{%s"limit":%d,"after":%q}`, search, page, after)
			start := time.Now()
			if err := server.list(p, list, body); err != nil {
				return err
			}
			took.record(time.Since(start))
			if after, err = r.checkPage(p.answer, list); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	r.result.PageP50, r.result.PageP99, r.result.PageMax = took.quantile(0.5), took.quantile(0.99), took.quantile(1)
	return nil
}

// checkPage counts a page that is not full though more follow, or empty, and gives the name behind which more follow.
func (r *run) checkPage(answer []byte, list string) (next string, err error) {
	var fields map[string]json.RawMessage
	var names []json.RawMessage
	if err := json.Unmarshal(answer, &fields); err != nil {
		return "", fmt.Errorf("read a page of %s: %w", list, err)
	}
	if err := json.Unmarshal(fields[list], &names); err != nil {
		return "", fmt.Errorf("read a page of %s: %w", list, err)
	}
	if fields["next"] != nil {
		if err := json.Unmarshal(fields["next"], &next); err != nil {
			return "", fmt.Errorf("read where a page of %s ends: %w", list, err)
		}
	}
	if len(names) == 0 || next != "" && len(names) != page {
		r.result.Faults.Misstated++
	}
	return next, nil
}

// askAboutAll notes how long an answer about all channels takes, and its size. A refusal is noted too: that the answer is too
// large is a figure.
func (r *run) askAboutAll(ctx context.Context, server *channelstream, body string) error {
	r.progress("ask about all channels: " + body)
	note := Info{Body: body}
	var took []time.Duration
	for range askAllTimes {
		p, err := dialPoster(ctx, r.job.Target.Publish)
		if err != nil {
			return err
		}
		p.timeout = askAllTimeout
		start := time.Now()
		err = server.info(p, []byte(body))
		took = append(took, time.Since(start))
		p.close()
		if err != nil {
			r.progress(err.Error())
			note.Refused = err.Error()
			break
		}
		note.Bytes = len(p.answer)
		if err := r.checkInfo(p.answer, r.allChannels()...); err != nil {
			return err
		}
	}
	slices.Sort(took)
	note.Took = took[len(took)/2]
	r.result.Infos = append(r.result.Infos, note)
	return ctx.Err()
}

func (r *run) allChannels() (all []uint32) {
	for channel := range uint32(r.job.Work.Channels) {
		all = append(all, channel)
	}
	return all
}

// checkInfo counts an answer that is not about these channels, or does not say how many connections each of them has and
// there are in all.
func (r *run) checkInfo(answer []byte, channels ...uint32) error {
	var info struct {
		Channels map[string]struct {
			Connections int64 `json:"total_connections"`
		} `json:"channels"`
		Connections int64 `json:"total_connections"`
	}
	if err := json.Unmarshal(answer, &info); err != nil {
		return fmt.Errorf("read /info: %w", err)
	}
	right := len(info.Channels) == len(channels) && info.Connections == int64(r.job.Work.Sockets)
	for _, channel := range channels {
		right = right && info.Channels[channelName(channel)].Connections == r.publisher.members[channel]
	}
	if !right {
		r.result.Faults.Misstated++
	}
	return nil
}
