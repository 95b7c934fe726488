package edge

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/channelstream/channelstream/shared/settings"
)

// scriptName is the header in which a proxy says below which path it serves what is here (WSGI's SCRIPT_NAME).
const scriptName = "X-Script-Name"

// Below serves a handler below the configured base path, or below the one that a trusted proxy names. The handler sees the
// rest of the path; PathOf gives the whole.
func Below(s settings.Settings, next http.Handler) http.Handler {
	base, transport := s.Listen.BasePath, NewTransport(s.Access)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		named := transport.scriptName(r)
		if base == "" && named == "" {
			next.ServeHTTP(w, r)
			return
		}
		path := r.URL.Path // below the named path, whether the proxy has taken that off or not
		if rest, below := cut(path, named); below {
			path = rest
		}
		whole := named + path
		if named != base {
			rest, below := cut(path, base)
			if !below {
				WriteFault(w, NotFound())
				return
			}
			path = rest
		}
		next.ServeHTTP(w, moved(r, path, whole))
	})
}

// scriptName is what a trusted proxy names, and "" for anybody else's word. It begins with a slash: with any other path a
// signature of a user's name could be one of a request.
func (t Transport) scriptName(r *http.Request) string {
	name := strings.Trim(r.Header.Get(scriptName), "/")
	if name == "" || !Contains(t.trusted, remote(r)) {
		return ""
	}
	return "/" + name
}

// cut takes a base off a path.
func cut(path, base string) (rest string, below bool) {
	rest, below = strings.CutPrefix(path, base)
	if rest == "" {
		rest = "/"
	}
	return rest, below && rest[0] == '/'
}

// wholePath is the key of a request's context for the path that the caller used.
type wholePath struct{}

// moved is a request for a path that the caller knows under another.
func moved(r *http.Request, path, whole string) *http.Request {
	to := r.WithContext(context.WithValue(r.Context(), wholePath{}, whole))
	to.URL = new(url.URL)
	*to.URL = *r.URL
	to.URL.Path, to.URL.RawPath = path, ""
	return to
}

// PathOf is the path of a request as the caller used it, which is what a signature is made for.
func PathOf(r *http.Request) string {
	if whole, below := r.Context().Value(wholePath{}).(string); below {
		return whole
	}
	return r.URL.Path
}
