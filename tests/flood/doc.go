// Package flood attacks a running server as a stranger on the internet would, and looks at those who did nothing.
//
//	test process                          server process              attacker process (nice 19)
//	  bystander ── POST /message ───────►   all-in-one   ◄─────────────  pour, sip, hang, ask, post, chase
//	  bystander ◄── message, timed ──────     │
//	  server    ── /proc/<pid>, /metrics ─────┘
//
// Each attack is one test with a server of its own. It measures how long messages take to the bystander's clients, first
// in calm and then under attack, and at the same time on a second server that nobody attacks, which tells how busy the
// machine is. It watches the memory of the server, and asks how the server ended the attacker's connections, and in the end
// whether everything of the attack is gone and the bystander has got each message once.
//
// The attacker is a process of its own with the lowest priority, the same program started again. So on a machine with few
// processors it takes what the server and the bystander leave, and what is measured is how the server divides its time
// between its clients, not how the kernel divides the machine. The server runs as it is run by an operator: on all
// processors, with Go's defaults.
//
// Tests here do not run in parallel, with each other or with other packages: `make flood` runs them.
package flood
