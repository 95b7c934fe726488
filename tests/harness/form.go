package harness

// Form is how the nodes of a cluster run: InProcess or as Processes.
type Form interface {
	// Name is that of the subtest.
	Name() string
	// CanKill says whether a node can be ended with kill -9.
	CanKill() bool
	start(k kind, environ []Option, log *logBook) (running, error)
}
