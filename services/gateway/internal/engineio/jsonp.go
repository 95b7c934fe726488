package engineio

import "bytes"

// JSONP polling of revision 3: a page of another origin, in a browser whose requests may not go there, loads a script, and posts
// a form.
//
//	GET  …&j=0     ___eio[0]("1:6");
//	POST …&j=0     d=11%3A40%2Fstream%2C

// maxIndex is how many digits the index of a page's callback has at most.
const maxIndex = 10

// IsIndex says whether j names a callback of the page: an index, so that nothing else gets into the script.
func IsIndex(j string) bool {
	for _, c := range []byte(j) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return j != "" && len(j) <= maxIndex
}

// AppendScript appends the script that hands a payload in ASCII to the page.
func AppendScript(dst []byte, j string, payload []byte) []byte {
	dst = append(append(append(dst, "___eio["...), j...), `]("`...)
	for _, c := range payload {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ' || c == '<' || c == '>' || c == 0x7f: // no tag may end a script that it stands in
			dst = appendUnit(dst, rune(c))
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, `");`...)
}

// UnescapeForm undoes what clients do to line ends, which forms of old browsers change: a line end is written `\n`, and what
// was that has a second backslash.
func UnescapeForm(d []byte) []byte {
	var plain []byte
	for {
		at := bytes.Index(d, []byte(`\n`))
		if at < 0 {
			return append(plain, d...)
		}
		if at > 0 && d[at-1] == '\\' {
			plain = append(append(plain, d[:at-1]...), `\n`...)
		} else {
			plain = append(append(plain, d[:at]...), '\n')
		}
		d = d[at+2:]
	}
}
