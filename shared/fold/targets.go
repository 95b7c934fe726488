package fold

// Targets finds the messages that edits are of, by uuid and audience. The zero value is ready.
type Targets struct {
	first map[string]target // by uuid
}

// target is where a message with a uuid stands, and the next one with the same uuid and another audience.
type target struct {
	audience string
	place    uint64
	next     *target
}

// Add notes where a message stands. Places grow; of messages with the same uuid and audience the first counts.
func (t *Targets) Add(uuid, audience string, place uint64) {
	if t.first == nil {
		t.first = map[string]target{}
	}
	first, found := t.first[uuid]
	if !found {
		t.first[uuid] = target{audience: audience, place: place}
		return
	}
	at := &first
	for at.audience != audience {
		if at.next == nil {
			at.next = &target{audience: audience, place: place}
			break
		}
		at = at.next
	}
	t.first[uuid] = first
}

// Find gives the place of the message that an edit is of, which stands before the edit: the one with its uuid and audience, or
// else the first one with its uuid.
func (t *Targets) Find(uuid, audience string, edit uint64) (place uint64, found bool) {
	first, found := t.first[uuid]
	if !found || first.place >= edit {
		return 0, false
	}
	for at := &first; at != nil; at = at.next {
		if at.audience == audience && at.place < edit {
			return at.place, true
		}
	}
	return first.place, true
}

// Remove forgets the messages with a uuid.
func (t *Targets) Remove(uuid string) { delete(t.first, uuid) }

// Clear forgets all messages.
func (t *Targets) Clear() { clear(t.first) }
