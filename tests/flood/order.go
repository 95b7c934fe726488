package flood

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"sync"
	"time"
)

// order is what an attacker process is told to do. Which fields count is said by its program.
type order struct {
	Program string `json:"program"` // in programs
	Address string `json:"address"` // host:port of the server

	Paths []string `json:"paths,omitempty"` // what is opened or asked for
	Hello []string `json:"hello,omitempty"` // text messages sent first on a WebSocket
	Await string   `json:"await,omitempty"` // how the message begins that answers them
	First []byte   `json:"first,omitempty"` // bytes sent once
	Chunk []byte   `json:"chunk,omitempty"` // bytes sent again and again
	Units int      `json:"units,omitempty"` // how many things are in a chunk
	Step  int      `json:"step,omitempty"`  // bytes in one write; 0: as many as there are

	Read    bool          `json:"read,omitempty"`    // what comes is read
	Deflate bool          `json:"deflate,omitempty"` // compression is offered
	Again   bool          `json:"again,omitempty"`   // what the server has ended is begun anew
	Many    int           `json:"many,omitempty"`    // connections
	Sip     int           `json:"sip,omitempty"`     // bytes in one read
	Every   time.Duration `json:"every,omitempty"`   // between two reads or writes
	Buffer  int           `json:"buffer,omitempty"`  // bytes that the kernel may receive ahead; 0: as many as it likes
}

// programs are what an attacker can do.
var programs = map[string]func(context.Context, *order, *record){
	"pour":  pour,
	"sip":   sip,
	"hang":  hang,
	"ask":   ask,
	"post":  post,
	"chase": chase,
}

// report is what an attacker did, and what became of it.
type report struct {
	Sent    int64          `json:"sent"`    // units that the server's kernel took
	Answers int64          `json:"answers"` // things that came back
	Ends    map[string]int `json:"ends"`    // how connections and requests ended, as the server said it
	Seconds float64        `json:"seconds"`
}

// Ends that are no word of the server's.
const (
	endHeld = "held" // open when the attack was over: served, or not read
	endCut  = "cut"  // the connection ended without a word
)

// record collects a report. Its methods may be called by any goroutine.
type record struct {
	mu     sync.Mutex
	report report // guarded by mu
}

func (r *record) sent(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Sent += int64(n)
}

func (r *record) answered(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Answers += int64(n)
}

func (r *record) ended(how string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Ends[how]++
}

func (r *record) result(took time.Duration) report {
	r.mu.Lock()
	defer r.mu.Unlock()
	result := r.report
	result.Ends, result.Seconds = maps.Clone(result.Ends), took.Seconds()
	return result
}

// attackerVariable makes a process of this program an attacker.
const attackerVariable = "CHANNELSTREAM_FLOOD_ATTACKER"

// giveUp is how long an attacker may take to end when it is told to.
const giveUp = 15 * time.Second

// obey is an attacker process: it reads its order, a line of JSON, works until its input ends, which it also does when
// the test dies, and writes its report.
func obey(in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read order: %w", err)
	}
	var o order
	if err := json.Unmarshal(line, &o); err != nil {
		return fmt.Errorf("read order: %w", err)
	}
	program, known := programs[o.Program]
	if !known {
		return fmt.Errorf("no program is called %q", o.Program)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // ends with the process
		io.Copy(io.Discard, lines) //nolint:errcheck // any end is the end
		cancel()
		time.Sleep(giveUp)
		fmt.Fprintln(os.Stderr, "the attack did not end")
		os.Exit(1)
	}()
	r := &record{report: report{Ends: map[string]int{}}}
	began := time.Now()
	program(ctx, &o, r)
	took := time.Since(began)
	<-ctx.Done() // a program may have nothing left to do before it is told to end
	return json.NewEncoder(out).Encode(r.result(took))
}
