package demo

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/channelstream/channelstream/client"
)

// Limits of what visitors write, in characters. The api allows more; a page looks better with less.
const (
	maxName = 32
	maxText = 2000
)

// userName checks a visitor's name and takes spaces off its ends.
//
// unicode.IsPrint leaves out control and format characters, with which a name could look like another or turn the
// text beside it around. A name that begins with "/" is refused here as the api refuses it to apps.
func userName(s string) (string, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return "", invalid("A name is missing.")
	case !utf8.ValidString(s), strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "", invalid("A name can hold letters, digits, signs and spaces only.")
	case utf8.RuneCountInString(s) > maxName:
		return "", invalid(fmt.Sprintf("A name has at most %d characters.", maxName))
	case strings.HasPrefix(s, "/"):
		return "", invalid("A name cannot begin with a slash.")
	}
	return s, nil
}

// messageText checks what a visitor wrote. Line breaks stay, and the joiners that emoji are made with.
func messageText(s string) (string, error) {
	s = strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
	switch {
	case s == "":
		return "", invalid("The message is empty.")
	case !utf8.ValidString(s), strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		return "", invalid("The message holds characters that cannot be shown.")
	case utf8.RuneCountInString(s) > maxText:
		return "", invalid(fmt.Sprintf("A message has at most %d characters.", maxText))
	}
	return s, nil
}

func channels() []string { return []string{firstChannel, secondChannel, notifyChannel} }

func channelName(s string) (string, error) {
	if !slices.Contains(channels(), s) {
		return "", invalid("There is no such channel here.")
	}
	return s, nil
}

// offered is the channel that may be asked for and left again, as the api knows it.
func offered(s string) ([]string, error) {
	if s != notifyChannel {
		return nil, invalid("Only the notify channel can be asked for and left.")
	}
	return ownedAll(s), nil
}

func userStatus(s client.Status) (client.Status, error) {
	if s < client.Offline || s > client.Busy {
		return 0, invalid("There is no such status.")
	}
	return s, nil
}
