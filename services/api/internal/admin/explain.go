package admin

import (
	"net/http"

	"github.com/channelstream/channelstream/services/api/internal/explain"
)

// explainView is what became of a message for a client.
type explainView struct {
	Message, Channel, Who string // as they were filled in
	Faults                []string
	Answer                *explain.Answer // nil before something is asked
}

// explain says why a client got a message, or did not.
func (p *Page) explain(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	v := explainView{Message: query.Get("message"), Channel: query.Get("channel"), Who: query.Get("who")}
	status := http.StatusOK
	if query.Has("who") {
		answer, err := p.config.Reader.Explain(r.Context(), v.Message, v.Channel, v.Who)
		if err != nil {
			status, v.Faults = p.judge(r, err)
		} else {
			v.Answer = answer
		}
	}
	p.show(w, r, status, "explain", "Did it arrive?", v)
}
