package contract

// Version is that of the words in this package. A process says it with its lease, and presence with the answer, so that who is
// older is found out and not refused. It is raised by one with each word, field or value without which a service that does not
// know it would do something else than it is asked to: a verb that presence does not have yet, a request with a field that
// matters. It stays for what an older service may pass over. 0 is a build that did not say it.
const Version = 4
