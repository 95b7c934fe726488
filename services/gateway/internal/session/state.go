package session

// state is where a session is in its life. It only ever changes by a step of this table:
//
//	          let in    turn back  enter     in force  end
//	waiting   attached  turned     –         –         over
//	attached  –         turned     entering  –         over
//	turned    turned    turned     turned    –         over
//	entering  –         –          –         live      over
//	live      –         –          –         –         over
//	over      –         –          –         –         –
type state uint8

const (
	waiting  state = iota // in line, or presence is asked whose connection it is
	attached              // presence has the connection at this gateway
	turned                // back: a newer socket has the connection, and this one is closed before it gets anything
	entering              // the client is brought up to what is live
	live                  // messages are delivered
	over                  // the client has gone, or was closed
	states
)

// step is what happens to a session.
type step uint8

const (
	letIn step = iota
	turnBack
	enter
	inForce
	end
	steps
)

// none is where a step does not lead: it does not fit the state.
const none = states

var table = [states][steps]state{
	waiting:  {letIn: attached, turnBack: turned, enter: none, inForce: none, end: over},
	attached: {letIn: none, turnBack: turned, enter: entering, inForce: none, end: over},
	turned:   {letIn: turned, turnBack: turned, enter: turned, inForce: none, end: over},
	entering: {letIn: none, turnBack: none, enter: none, inForce: live, end: over},
	live:     {letIn: none, turnBack: none, enter: none, inForce: none, end: over},
	over:     {letIn: none, turnBack: none, enter: none, inForce: none, end: none},
}

// after gives the state that a step leads to, and whether it fits.
func (s state) after(by step) (next state, fits bool) {
	next = table[s][by]
	return next, next != none
}
