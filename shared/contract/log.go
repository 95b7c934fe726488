package contract

import "strings"

// HeaderNudge marks a message without a body on a live subject: the log has a message of that subject at the sequence
// which the header gives. Who has it passes over the nudge; who has not fetches it.
const HeaderNudge = "Cs-Nudge"

// LogStream is the name of the stream that keeps messages for the resume window.
func (n Namespace) LogStream() string { return string(n) + "-log" }

// LogSubjects is every subject of the log.
func (n Namespace) LogSubjects() string { return string(n) + ".log.>" }

// LiveSubjects is every live subject; the log is published again on them.
func (n Namespace) LiveSubjects() string { return string(n) + ".live.>" }

// LogSubject is the log's subject for a live subject of this namespace.
func (n Namespace) LogSubject(live string) string {
	return string(n) + ".log." + strings.TrimPrefix(live, string(n)+".live.")
}

// LiveSubject is the live subject for a subject of the log of this namespace.
func (n Namespace) LiveSubject(log string) string {
	return string(n) + ".live." + strings.TrimPrefix(log, string(n)+".log.")
}
