package session

import "testing"

// Whatever happens to a session, in whatever order, it is let in before it enters, enters before it is live, and once it
// is over nothing brings it back.
func TestTheLifeOfASession(t *testing.T) {
	t.Parallel()
	for name, life := range map[string]struct {
		steps []step
		ends  state
	}{
		"it comes, hears and goes":               {[]step{letIn, enter, inForce, end}, over},
		"it is live":                             {[]step{letIn, enter, inForce}, live},
		"nobody enters before being let in":      {[]step{enter, inForce}, waiting},
		"nobody is live without entering":        {[]step{letIn, inForce}, attached},
		"it is turned back in line":              {[]step{turnBack, letIn, enter, inForce}, turned},
		"it is turned back when it was let in":   {[]step{letIn, turnBack, enter, inForce}, turned},
		"it is too late to turn back who enters": {[]step{letIn, enter, turnBack, inForce}, live},
		"its client goes while it waits":         {[]step{end, letIn, enter, inForce}, over},
		"its client goes while it enters":        {[]step{letIn, enter, end, inForce}, over},
		"it ends once":                           {[]step{letIn, enter, inForce, end, end, letIn, turnBack}, over},
		"one that is turned back ends":           {[]step{letIn, turnBack, enter, end}, over},
	} {
		now := waiting
		for _, by := range life.steps {
			if next, fits := now.after(by); fits {
				now = next
			}
		}
		if now != life.ends {
			t.Errorf("%s: it is in state %d, want %d", name, now, life.ends)
		}
	}
}
