package rfc6455_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/rfc6455"
)

const (
	kosme  = "\u03ba\u1f79\u03c3\u03bc\u03b5" // of 2, 3, 2, 2 and 2 bytes
	edited = "\xed\xa0\x80edited"             // begins with half of a surrogate pair
)

// inFragments is a message of a fragment for each of the payloads.
func inFragments(first byte, payloads ...string) (p []byte) {
	for i, payload := range payloads {
		if i > 0 {
			first = more
		}
		if i == len(payloads)-1 {
			first |= fin
		}
		p = append(p, sent(first, payload)...)
	}
	return p
}

// octets are the bytes of s, one by one.
func octets(s string) []string {
	all := make([]string, len(s))
	for i := range len(s) {
		all[i] = s[i : i+1]
	}
	return all
}

// utf8Handling is section 6.
func utf8Handling(t testing.TB) []conformance {
	const umlauts = "Hello-µ@ßöäüàá-UTF-8!!"
	cases := []conformance{
		{number: "6.1.1", sends: sent(fin|text, ""), gives: one(rfc6455.Text, "")},
		{number: "6.1.2", sends: inFragments(text, "", "", ""), gives: one(rfc6455.Text, "")},
		{number: "6.1.3", sends: inFragments(text, "", "middle frame payload", ""), gives: one(rfc6455.Text, "middle frame payload")},
		{number: "6.2.1", sends: sent(fin|text, umlauts), gives: one(rfc6455.Text, umlauts)},
		{number: "6.2.2", sends: inFragments(text, umlauts[:12], umlauts[12:]), gives: one(rfc6455.Text, umlauts)},
		{number: "6.2.3", sends: inFragments(text, octets(umlauts)...), gives: one(rfc6455.Text, umlauts)},
		{number: "6.2.4", sends: inFragments(text, octets(kosme)...), gives: one(rfc6455.Text, kosme)},
		{number: "6.3.1", sends: sent(fin|text, kosme+edited), refused: 1007},
		{number: "6.3.2", sends: inFragments(text, octets(kosme+edited)...), refused: 1007},
		{number: "6.4.1", sends: inFragments(text, kosme, "\xf4\x90\x80\x80", "edited"), refused: 1007},
		{number: "6.4.2", sends: inFragments(text, kosme+"\xf4", "\x90", "\x80\x80edited"), refused: 1007},
		{number: "6.4.3", sends: sent(fin|text, kosme+"\xf4\x90\x80\x80edited"), refused: 1007},
		{number: "6.4.4", sends: sent(fin|text, kosme+"\xf4\x90\x80\x80edited"), refused: 1007},
	}
	for _, group := range utf8Groups(t) {
		for i, payload := range group.payloads {
			c := conformance{number: fmt.Sprintf("6.%d.%d", group.section, i+1), sends: sent(fin|text, payload), refused: 1007}
			if group.valid == nil || slices.Contains(group.valid, i+1) {
				c.gives, c.refused = one(rfc6455.Text, payload), 0
			}
			cases = append(cases, c)
			c.number += " in octets"
			c.sends = inFragments(text, octets(payload)...)
			cases = append(cases, c)
		}
	}
	return cases
}

// utf8Group is a section of which each case is a text. The cases of the numbers in valid are UTF-8; all are if it is nil.
type utf8Group struct {
	section  int
	payloads []string
	valid    []int
}

func utf8Groups(t testing.TB) []utf8Group {
	none := []int{}
	h := func(texts ...string) (decoded []string) {
		for _, s := range texts {
			p, err := hex.DecodeString(s)
			if err != nil {
				t.Fatal(err)
			}
			decoded = append(decoded, string(p))
		}
		return decoded
	}
	var prefixes []string
	for i := range len(kosme) {
		prefixes = append(prefixes, kosme[:i+1])
	}
	return []utf8Group{
		{5, []string{"hello$world", "hello¢world", "hello€world", "hello𤭢world", kosme}, nil},
		{6, prefixes, []int{2, 5, 7, 9, 11}},
		{7, h("00", "c280", "e0a080", "f0908080"), nil},
		{8, h("f888808080", "fc8480808080"), none},
		{9, h("7f", "dfbf", "efbfbf", "f48fbfbf"), nil},
		{10, h("f7bfbfbf", "fbbfbfbfbf", "fdbfbfbfbfbf"), none},
		{11, h("ed9fbf", "ee8080", "efbfbd", "f48fbfbf", "f4908080"), []int{1, 2, 3, 4}},
		{12, append(h("80", "bf", "80bf", "80bf80", "80bf80bf", "80bf80bf80", "80bf80bf80bf"), run(0x80, 0xbf, "")), none},
		{13, []string{run(0xc0, 0xdf, " "), run(0xe0, 0xef, " "), run(0xf0, 0xf7, " "), run(0xf8, 0xfb, " "), run(0xfc, 0xfd, " ")}, none},
		{14, h("c0", "e080", "f08080", "f8808080", "fc80808080", "df", "efbf", "f7bfbf", "fbbfbfbf", "fdbfbfbfbf"), none},
		{15, h("c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf"), none},
		{16, h("fe", "ff", "fefeffff"), none},
		{17, h("c0af", "e080af", "f08080af", "f8808080af", "fc80808080af"), none},
		{18, h("c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf"), none},
		{19, h("c080", "e08080", "f0808080", "f880808080", "fc8080808080"), none},
		{20, h("eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf"), none},
		{21, h("eda080edb080", "eda080edbfbf", "edadbfedb080", "edadbfedbfbf", "edae80edb080", "edae80edbfbf", "edafbfedb080",
			"edafbfedbfbf"), none},
		{22, noncharacters(), nil},
		{23, h("efbfb9", "efbfba", "efbfbb", "efbfbc", "efbfbd", "efbfbe", "efbfbf"), nil},
	}
}

// run is every byte from first to last, with something behind each.
func run(first, last byte, behind string) string {
	var b strings.Builder
	for c := first; c <= last; c++ {
		b.WriteByte(c)
		b.WriteString(behind)
	}
	return b.String()
}

// noncharacters are the last two code points of every plane, which are UTF-8 all the same.
func noncharacters() (all []string) {
	for plane := rune(0); plane <= 0x10; plane++ {
		all = append(all, string(plane<<16|0xFFFE), string(plane<<16|0xFFFF))
	}
	return all
}
