package signature

import "encoding/base64"

// strict refuses bits that are left over in the last character: each spelling stands for its bytes alone.
var strict = base64.RawStdEncoding.Strict()

// decode reads base64 into the whole of into, whichever way it was written: in the standard alphabet, whose '+' may
// have become a space in a query (a client forgot encodeURIComponent), in that of URLs, or in some of each; with all of
// its padding, some or none. The JavaScript signer of Channelstream 0.7 replaces the first '+', '/' and '=' only.
//
// That weakens nothing. All spellings stand for the same bytes, and those are what is compared: whoever can write down
// one of them had the signature before. No text is taken for the name of a signature, to remember which were used say.
func decode(into []byte, text string) bool {
	most := strict.EncodedLen(len(into))
	if len(text) < most || !isPadding(text[most:], len(into)) {
		return false
	}
	var standard [seedLength]byte
	for i := range most {
		switch standard[i] = text[i]; text[i] {
		case '-', ' ':
			standard[i] = '+'
		case '_':
			standard[i] = '/'
		}
	}
	n, err := strict.Decode(into, standard[:most])
	return err == nil && n == len(into) // line breaks, which the decoder passes over, make it shorter
}

// isPadding says whether text may stand behind the base64 of so many bytes.
func isPadding(text string, bytes int) bool {
	switch text {
	case "":
		return true
	case "=":
		return bytes%3 != 0
	case "==":
		return bytes%3 == 1
	}
	return false
}
